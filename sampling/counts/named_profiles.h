// SPDX-License-Identifier: Apache-2.0
// Named profiles: the built-in ones, and those that programs make of their own things (files, connections).
//
// A custom profile holds keys, each with the stack that added it; its counts by stack are a StackCounts. Keys
// may be added with a value, a count and an amount of some unit: their sums by stack are StackValues beside
// the counts. The profile "threadcreate" counts the stacks that made threads, "block" and "mutex" sum up
// samples of waits (sampling/contention/contention.h), scaled; "threads" holds nothing, its stacks are taken
// when it is written. Profiles are never deleted, so
// that a dump reads them at any time: the registry is append-only, and counts are read without the lock.
//
// Thread-safety: yes. Signal-safety: Lookup, List, ProfileCount and reading `counts` and `values`; the others
// take the lock, which interrupted code may hold. Allocates: mmap only, within metadata_limit. Lock: kNamed,
// one for all.
#ifndef HEAPPROF_SAMPLING_COUNTS_NAMED_PROFILES_H_
#define HEAPPROF_SAMPLING_COUNTS_NAMED_PROFILES_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/lock/spinlock.h"
#include "sampling/counts/key_table.h"
#include "sampling/counts/stack_counts.h"
#include "sampling/counts/stack_values.h"
#include "sampling/unwind/caller_frame.h"

namespace heapprof {

enum class ProfileKind {
  kHeap,
  kAllocs,
  kMemory,
  kPeak,
  kGrowth,
  kLifetimes,
  kThreadCreate,
  kThreads,
  kBlock,
  kMutex,
  kCustom
};

struct NamedProfile {
  static constexpr size_t kMaxNameSize = 63, kMaxUnitSize = 63;

  char name[kMaxNameSize + 1];
  ProfileKind kind;
  std::atomic<uint64_t> count{0};  // of keys; of threads made; of stacks that waited
  std::atomic<uint64_t> lost{0};   // samples of waits for which there was no room, or that could not be taken
  // Of all but those of the heap; nullptr before the first entry. Keys that were added with a value are not
  // counted here, but their stacks are.
  std::atomic<StackCounts*> counts{nullptr};
  // Sums of the values by the entries of `counts`; nullptr: no key was ever added with one. `unit`, of the
  // amounts, was written before.
  std::atomic<StackValues*> values{nullptr};
  char unit[kMaxUnitSize + 1] = {};
  KeyTable keys = {};  // guarded by the lock
};

// What a key is added with. `unit` may be anything.
struct ValueToAdd {
  int64_t count, amount;
  const char* unit;
};

inline constexpr size_t kMaxProfiles = 256;

class NamedProfiles {
 public:
  // nullptr: there is none of that name. "goroutine", which readers of Go's profiles ask for, is "threads".
  NamedProfile* Lookup(const char* name);
  // Makes a custom profile. 0, or -EINVAL: the name is empty, longer than kMaxNameSize or no UTF-8, -EEXIST:
  // it is taken, -ENOSPC: there are kMaxProfiles, -ENOMEM.
  int Make(const char* name, NamedProfile** profile);
  // Fills `out` with up to `capacity` profiles in the order of their names; returns how many there are.
  size_t List(NamedProfile** out, size_t capacity);

  // Adds `key` with the stack of `caller`, whose first `skip` frames are left out. 0, or -EEXIST: the key is
  // in the profile; -EPERM: the profile is built in; -ENOMEM.
  int Add(NamedProfile* profile, const void* key, size_t skip, const CallerFrame& caller);
  // The same, with a value. -EINVAL, too: the count or the amount is negative; the unit is empty, longer than
  // kMaxUnitSize, no UTF-8, or another than that of the first key which was added so.
  int AddValue(NamedProfile* profile, const void* key, size_t skip, const ValueToAdd& value,
               const CallerFrame& caller);
  // 0, also when the key is not there; -EPERM. A value that the key was added with goes with it.
  int Remove(NamedProfile* profile, const void* key);

  // The caller is about to make a thread. The entry of its stack; 0: none, for want of memory.
  uint32_t RecordThreadCreation(const CallerFrame& caller);
  // Adds a scaled wait, whose count is in units of 1/kCountUnit, to the stack's sums in the profile of that
  // kind. From a handler that has interrupted who holds our locks: it is lost, and counted.
  void RecordWait(ProfileKind kind, const StackValue& scaled, const CallerFrame& caller);

  // Of modules that dlclose unmaps; see sampling/module_watch.h. The first: whether any profile has a stack.
  bool HasStacks();
  bool HasLocationIn(uint64_t start, uint64_t limit);
  void MoveLocations(uint64_t start, uint64_t limit, uint64_t to);

  bool LockForFork() { return lock_.LockForFork(); }
  void UnlockAfterFork(bool in_child) { lock_.UnlockAfterFork(in_child); }

 private:
  struct CallerStack;
  static constexpr size_t kBuiltIns = 10;

  // The i-th of all.
  NamedProfile* At(size_t i);
  // acquire: a profile before the count that covers it.
  size_t count() const { return kBuiltIns + custom_count_.load(std::memory_order_acquire); }
  template <typename Use>
  void ForEachCounts(Use use);
  static uint32_t PutValue(NamedProfile* profile, uint32_t entry, const ValueToAdd& value);
  StackCounts* CountsOf(NamedProfile* profile) HP_REQUIRES(lock_);
  uint32_t EntryOf(NamedProfile* profile, const CallerStack& stack, StackCounts** found) HP_REQUIRES(lock_);
  uint32_t CountIn(NamedProfile* profile, const CallerStack& stack) HP_REQUIRES(lock_);

  SpinLock<LockRank::kNamed> lock_;
  NamedProfile allocs_ = {"allocs", ProfileKind::kAllocs};
  NamedProfile block_ = {"block", ProfileKind::kBlock};
  NamedProfile growth_ = {"growth", ProfileKind::kGrowth};
  NamedProfile lifetimes_ = {"lifetimes", ProfileKind::kLifetimes};
  NamedProfile heap_ = {"heap", ProfileKind::kHeap};
  NamedProfile memory_ = {"memory", ProfileKind::kMemory};
  NamedProfile mutex_ = {"mutex", ProfileKind::kMutex};
  NamedProfile peak_ = {"peak", ProfileKind::kPeak};
  NamedProfile thread_create_ = {"threadcreate", ProfileKind::kThreadCreate};
  NamedProfile threads_ = {"threads", ProfileKind::kThreads};
  // Custom profiles, in the order of their making; written under the lock.
  std::atomic<NamedProfile*> custom_[kMaxProfiles] = {};
  std::atomic<size_t> custom_count_{0};
};

// Those of this process.
NamedProfiles& ProcessProfiles();

// Keys, threads made, threads now, stacks that waited, or, of those of the heap, the process' stacks with
// their sizes.
uint64_t ProfileCount(const NamedProfile& profile);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_COUNTS_NAMED_PROFILES_H_
