// SPDX-License-Identifier: Apache-2.0
#include "sampling/counts/named_profiles.h"

#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/constinit.h"
#include "base/hash.h"
#include "base/memory/arena.h"
#include "base/options.h"
#include "base/system/own_thread.h"
#include "base/system/raw_syscall.h"
#include "base/utf8.h"
#include "sampling/heap/heap_tables.h"
#include "sampling/thread/labels.h"
#include "sampling/thread/thread_state.h"

namespace heapprof {
namespace {

HP_CONSTINIT NamedProfiles g_profiles;

// Names that stand for a profile with an interface of its own.
constexpr char kCpu[] = "cpu";
constexpr char kThreadsInGo[] = "goroutine";

// 0 where there is no /proc.
uint64_t CountThreads() {
  char text[1024];
  const int fd = RawOpen("/proc/thread-self/stat", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return 0;
  const ssize_t got = RawRead(fd, text, sizeof(text) - 1);
  RawClose(fd);
  text[got > 0 ? got : 0] = '\0';
  // The 18th field behind the name.
  constexpr int kFields = 18;
  const char* at = strrchr(text, ')');
  for (int field = 0; field < kFields && at != nullptr; ++field) at = strchr(at + 1, ' ');
  uint64_t count = 0;
  if (at == nullptr) return 0;
  for (++at; *at >= '0' && *at <= '9'; ++at) count = count * 10 + static_cast<uint64_t>(*at - '0');
  return count - (HasOwnThread() ? 1 : 0);
}

// Whether amounts of that unit go with those that the profile has.
bool MayBeUnit(const NamedProfile& profile, const char* unit) {
  if (unit == nullptr) return false;
  // acquire: the unit before the values.
  if (profile.values.load(std::memory_order_acquire) != nullptr) return strcmp(profile.unit, unit) == 0;
  return *unit != '\0' && strlen(unit) <= NamedProfile::kMaxUnitSize && IsUtf8(unit);
}

}  // namespace

NamedProfiles& ProcessProfiles() { return g_profiles; }

NamedProfile* NamedProfiles::At(size_t i) {
  if (i >= kBuiltIns) return custom_[i - kBuiltIns].load(std::memory_order_relaxed);
  NamedProfile* const built_in[kBuiltIns] = {&allocs_, &block_, &growth_, &heap_,          &lifetimes_,
                                             &memory_, &mutex_, &peak_,   &thread_create_, &threads_};
  return built_in[i];
}

// nullptr: no memory.
StackCounts* NamedProfiles::CountsOf(NamedProfile* profile) {
  StackCounts* counts = profile->counts.load(std::memory_order_relaxed);
  if (counts != nullptr) return counts;
  counts = static_cast<StackCounts*>(MapMetadata(sizeof(StackCounts)));
  if (counts == nullptr) return nullptr;
  if (!counts->Init()) {
    UnmapMetadata(counts, sizeof(StackCounts));
    return nullptr;
  }
  // release: what Init made before its address.
  profile->counts.store(counts, std::memory_order_release);
  return counts;
}

struct NamedProfiles::CallerStack {
  uintptr_t* pcs;
  uint32_t depth;
  Truncation::Kind truncated;
  uint64_t hash;

  CallerStack(const CallerFrame& caller, size_t skip, uintptr_t* walked);
};

NamedProfiles::CallerStack::CallerStack(const CallerFrame& caller, size_t skip, uintptr_t* walked) {
  WalkResult walk = WalkStack(caller, CurrentThread().stack, walked, GetOptions().max_frames);
  uint32_t left_out = skip < walk.depth ? static_cast<uint32_t>(skip) : walk.depth;
  pcs = walked + left_out;
  depth = walk.depth - left_out;
  truncated = depth == 0 ? Truncation::kLost : walk.truncated;
  hash = depth;
  for (uint32_t i = 0; i < depth; ++i) hash = MixBits(hash * 31 + pcs[i]);
}

// The entry of `stack`, and its counts if the caller asks for them. 0: no memory.
uint32_t NamedProfiles::EntryOf(NamedProfile* profile, const CallerStack& stack, StackCounts** found) {
  StackCounts* counts = CountsOf(profile);
  if (counts == nullptr) return 0;
  if (found != nullptr) *found = counts;
  return counts->FindOrAdd({stack.pcs, stack.depth, stack.truncated, false, stack.hash, CurrentLabels()});
}

// Counts one more of `stack`. 0: no memory.
uint32_t NamedProfiles::CountIn(NamedProfile* profile, const CallerStack& stack) {
  StackCounts* counts = nullptr;
  const uint32_t entry = EntryOf(profile, stack, &counts);
  if (entry != 0) counts->At(entry)->in.fetch_add(1, std::memory_order_relaxed);
  return entry;
}

NamedProfile* NamedProfiles::Lookup(const char* name) {
  const size_t total = count();
  if (name != nullptr && strcmp(name, kThreadsInGo) == 0) name = threads_.name;
  for (size_t i = 0; name != nullptr && i < total; ++i) {
    if (strcmp(At(i)->name, name) == 0) return At(i);
  }
  return nullptr;
}

int NamedProfiles::Make(const char* name, NamedProfile** profile) {
  size_t size = name == nullptr ? 0 : strlen(name);
  if (size == 0 || size > NamedProfile::kMaxNameSize || !IsUtf8(name)) return -EINVAL;
  SpinLockHolder hold(&lock_);
  if (Lookup(name) != nullptr || strcmp(name, kCpu) == 0) return -EEXIST;
  size_t made_before = custom_count_.load(std::memory_order_relaxed);
  if (count() >= kMaxProfiles) return -ENOSPC;
  auto* made = static_cast<NamedProfile*>(MapMetadata(sizeof(NamedProfile)));
  if (made == nullptr) return -ENOMEM;
  memcpy(made->name, name, size + 1);
  made->kind = ProfileKind::kCustom;
  custom_[made_before].store(made, std::memory_order_relaxed);
  // release: the profile before the count that covers it.
  custom_count_.store(made_before + 1, std::memory_order_release);
  *profile = made;
  return 0;
}

size_t NamedProfiles::List(NamedProfile** out, size_t capacity) {
  const size_t total = count();
  NamedProfile* sorted[kMaxProfiles];
  for (size_t i = 0; i < total; ++i) {
    NamedProfile* profile = At(i);
    size_t at = i;
    for (; at > 0 && strcmp(sorted[at - 1]->name, profile->name) > 0; --at) sorted[at] = sorted[at - 1];
    sorted[at] = profile;
  }
  if (capacity > total) capacity = total;
  for (size_t i = 0; i < capacity; ++i) out[i] = sorted[i];
  return total;
}

uint64_t ProfileCount(const NamedProfile& profile) {
  if (profile.kind == ProfileKind::kThreads) return CountThreads();
  switch (profile.kind) {
    case ProfileKind::kThreadCreate:
    case ProfileKind::kBlock:
    case ProfileKind::kMutex:
    case ProfileKind::kCustom:
      return profile.count.load(std::memory_order_relaxed);
    default:
      return HeapBuckets().count();
  }
}

int NamedProfiles::Add(NamedProfile* profile, const void* key, size_t skip, const CallerFrame& caller) {
  if (profile->kind != ProfileKind::kCustom) return -EPERM;
  auto* pcs = static_cast<uintptr_t*>(alloca(GetOptions().max_frames * sizeof(uintptr_t)));
  CallerStack stack(caller, skip, pcs);
  SpinLockHolder hold(&lock_);
  if (!profile->keys.Reserve(false)) return -ENOMEM;
  const size_t place = profile->keys.Find(key);
  if (profile->keys.IsTaken(place)) return -EEXIST;
  const uint32_t entry = CountIn(profile, stack);
  if (entry == 0) return -ENOMEM;
  profile->keys.Insert(place, key, {entry, false, {0, 0}});
  profile->count.fetch_add(1, std::memory_order_relaxed);
  return 0;
}

// Adds the value to those of `entry`, and fixes the profile's unit if it is the first. The entry that has it:
// that of the overflow where there is no memory for another; 0: for none.
uint32_t NamedProfiles::PutValue(NamedProfile* profile, uint32_t entry, const ValueToAdd& value) {
  StackValues* values = profile->values.load(std::memory_order_relaxed);
  const bool first = values == nullptr;
  if (first) values = static_cast<StackValues*>(MapMetadata(sizeof(StackValues)));
  if (values == nullptr) return 0;
  if (!values->Reserve(entry)) entry = StackCounts::kOverflow;
  if (!values->Reserve(entry)) {
    // Only a first one: the overflow's is among those that come with any other.
    UnmapMetadata(values, sizeof(StackValues));
    return 0;
  }
  values->Put(entry, {value.count, value.amount});
  if (first) {
    memcpy(profile->unit, value.unit, strlen(value.unit) + 1);
    // release: the unit and what Put wrote before their address.
    profile->values.store(values, std::memory_order_release);
  }
  return entry;
}

int NamedProfiles::AddValue(NamedProfile* profile, const void* key, size_t skip, const ValueToAdd& value,
                            const CallerFrame& caller) {
  if (value.count < 0 || value.amount < 0 || !MayBeUnit(*profile, value.unit)) return -EINVAL;
  if (profile->kind != ProfileKind::kCustom) return -EPERM;
  auto* pcs = static_cast<uintptr_t*>(alloca(GetOptions().max_frames * sizeof(uintptr_t)));
  CallerStack stack(caller, skip, pcs);
  SpinLockHolder hold(&lock_);
  // Another thread may have fixed the unit meanwhile.
  if (!MayBeUnit(*profile, value.unit)) return -EINVAL;
  if (!profile->keys.Reserve(true)) return -ENOMEM;
  const size_t place = profile->keys.Find(key);
  if (profile->keys.IsTaken(place)) return -EEXIST;
  uint32_t entry = EntryOf(profile, stack, nullptr);
  if (entry != 0) entry = PutValue(profile, entry, value);
  if (entry == 0) return -ENOMEM;
  profile->keys.Insert(place, key, {entry, true, {value.count, value.amount}});
  profile->count.fetch_add(1, std::memory_order_relaxed);
  return 0;
}

int NamedProfiles::Remove(NamedProfile* profile, const void* key) {
  if (profile->kind != ProfileKind::kCustom) return -EPERM;
  SpinLockHolder hold(&lock_);
  const KeyTable::Entry taken = profile->keys.Take(key);
  if (taken.id == 0) return 0;
  if (taken.valued) {
    profile->values.load(std::memory_order_relaxed)->Take(taken.id, taken.value);
  } else {
    // release: the count in before the count out.
    CountsOf(profile)->At(taken.id)->out.fetch_add(1, std::memory_order_release);
  }
  profile->count.fetch_sub(1, std::memory_order_relaxed);
  return 0;
}

uint32_t NamedProfiles::RecordThreadCreation(const CallerFrame& caller) {
  auto* pcs = static_cast<uintptr_t*>(alloca(GetOptions().max_frames * sizeof(uintptr_t)));
  CallerStack stack(caller, 0, pcs);
  SpinLockHolder hold(&lock_);
  thread_create_.count.fetch_add(1, std::memory_order_relaxed);
  const uint32_t entry = CountIn(&thread_create_, stack);
  return entry == StackCounts::kOverflow ? 0 : entry;
}

void NamedProfiles::RecordWait(ProfileKind kind, const StackValue& scaled, const CallerFrame& caller) {
  NamedProfile* profile = kind == ProfileKind::kMutex ? &mutex_ : &block_;
  if (CurrentThread().inside || lock_.IsOwn()) {
    profile->lost.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  auto* pcs = static_cast<uintptr_t*>(alloca(GetOptions().max_frames * sizeof(uintptr_t)));
  CallerStack stack(caller, 0, pcs);
  SpinLockHolder hold(&lock_);
  StackCounts* counts = nullptr;
  uint32_t entry = EntryOf(profile, stack, &counts);
  if (entry != 0) entry = PutValue(profile, entry, {scaled.count, scaled.amount, "nanoseconds"});
  if (entry == 0) {
    profile->lost.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  profile->count.store(counts->count() - StackCounts::kOverflow, std::memory_order_relaxed);
}

// The profiles that count stacks, each given to use(StackCounts*).
template <typename Use>
void NamedProfiles::ForEachCounts(Use use) {
  const size_t total = count();
  for (size_t i = 0; i < total; ++i) {
    // acquire: pairs with the release that published it.
    if (StackCounts* counts = At(i)->counts.load(std::memory_order_acquire)) use(counts);
  }
}

bool NamedProfiles::HasStacks() {
  bool any = false;
  ForEachCounts([&](StackCounts*) { any = true; });
  return any;
}

bool NamedProfiles::HasLocationIn(uint64_t start, uint64_t limit) {
  bool any = false;
  ForEachCounts([&](StackCounts* counts) { any = any || counts->HasLocationIn(start, limit); });
  return any;
}

void NamedProfiles::MoveLocations(uint64_t start, uint64_t limit, uint64_t to) {
  SpinLockHolder hold(&lock_);
  ForEachCounts([=](StackCounts* counts) { counts->MoveLocations(start, limit, to); });
}

}  // namespace heapprof
