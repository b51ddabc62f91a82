// SPDX-License-Identifier: Apache-2.0
#include "profiles/peers/jemalloc_profiler.h"

#include <errno.h>
#include <string.h>

#include <atomic>

#include "base/constinit.h"
#include "base/options.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/dump_triggers.h"
#include "profiles/peers/peer_dump.h"
#include "profiles/peers/peers.h"
#include "profiles/write/heap_source.h"
#include "sampling/recorder.h"
#include "sampling/thread/labels.h"

namespace heapprof::jemalloc_profiler {
namespace {

constexpr char kThreadLabel[] = "thread";
// jemalloc looks at each extent that it takes into use; it takes addresses from the kernel by as much at
// least.
constexpr uint64_t kGrowthStep = 2 << 20;

Settings g_settings;
std::atomic<uint64_t> g_interval{0};  // of when it is active
std::atomic<bool> g_active{false}, g_has_names{false};
HP_CONSTINIT DumpTriggers g_by_bytes, g_by_growth;

// The prefix: written whole before the pointer, one of two by turns.
char g_prefixes[2][kPathCapacity];
std::atomic<const char*> g_prefix{nullptr};
std::atomic<uint32_t> g_prefix_turn{0};

// Of all files; then of those made by a call, at a peak, as bytes go by.
std::atomic<uint64_t> g_files{0}, g_called{0}, g_growths{0}, g_intervals{0};

size_t LgOf(uint64_t interval) {
  return interval <= 1 ? 0 : static_cast<size_t>(63 - __builtin_clzll(interval));
}

uint64_t IntervalOf(size_t lg_sample) {
  constexpr size_t kLargest = 47;
  return uint64_t{1} << (lg_sample < kLargest ? lg_sample : kLargest);
}

int DumpTo(const char* path, PeerFile kind) {
  TextStyle style;
  style.form = TextForm::kJemalloc;
  style.accumulated = g_settings.prof_accum;
  return DumpPeerFile(path, kind, style, g_interval.load(std::memory_order_relaxed));
}

// PREFIX.PID.FILE.m3.heap; without a number where there is one file only.
void MakeName(char letter, const uint64_t* number, TextWriter* name) {
  const char* prefix = g_prefix.load(std::memory_order_acquire);
  name->Str(prefix).Char('.').UDec(static_cast<uint64_t>(RawGetPid())).Char('.');
  name->UDec(g_files.fetch_add(1, std::memory_order_relaxed)).Char('.').Char(letter);
  if (number != nullptr) name->UDec(*number);
  name->Str(".heap");
}

int DumpToNextName(char letter, std::atomic<uint64_t>* counter, TextWriter* name) {
  if (g_prefix.load(std::memory_order_acquire)[0] == '\0') return -ENOENT;
  uint64_t number = 0;
  if (counter != nullptr) number = counter->fetch_add(1, std::memory_order_relaxed);
  MakeName(letter, counter != nullptr ? &number : nullptr, name);
  return name->cut() ? -ENAMETOOLONG : DumpTo(name->data(), PeerFile::kWhole);
}

void DumpByItself(char letter, std::atomic<uint64_t>* counter) {
  const int saved_errno = errno;
  AdoptIfCopy();
  Text<kPathCapacity> name;
  const int error = DumpToNextName(letter, counter, &name);
  if (error != 0 && name.size() != 0) {
    Text<kPathCapacity + 128> line;
    Say(line.Str("cannot write heap profile ").Str(name.data()).Str(": ").Str(ErrnoText(-error)));
  }
  errno = saved_errno;
}

// True if anything is left.
bool SayWhatIsLeft() {
  int64_t bytes = 0, objects = 0;
  const RecorderTables tables;
  for (uint32_t id = 1; id <= tables.BucketCount(); ++id) {
    const Bucket* bucket = tables.BucketAt(id);
    if (bucket == nullptr) continue;
    const HeapEstimate estimate =
        Estimate(ReadCounts(*bucket), bucket->size, bucket->interval, RoundingOffset(bucket->key_hash));
    bytes += estimate.inuse_bytes;
    objects += estimate.inuse_objects;
  }
  if (objects == 0) return false;
  Text<256> line;
  line.Str("prof_leak: about ").Dec(bytes).Str(" bytes in ").Dec(objects).Str(" blocks are in use at exit; ");
  Say(line.Str("the last profile tells of their stacks, and heapprof check of what is lost"));
  return true;
}

void (*g_end)(int status) = nullptr;

// After what heapprof's own options ask for, and before its leak check.
__attribute__((destructor(102))) void AtExit() {
  if (g_end == nullptr || !g_settings.prof_final || g_prefix.load(std::memory_order_acquire)[0] == '\0')
    return;
  DumpByItself('f', nullptr);
  const bool is_error = g_settings.prof_leak && SayWhatIsLeft() && g_settings.prof_leak_error;
  if (is_error && GetOptions().leak_check == LeakCheck::kOff) g_end(1);
}

}  // namespace

void Configure(const Settings& settings) {
  g_settings = settings;
  if (!settings.prof) return;
  const uint64_t interval = IntervalOf(settings.lg_prof_sample);
  const bool chosen = DefaultSampleInterval(settings.prof_active ? interval : 0);
  // An interval that was given to heapprof is one that the user wants.
  const uint64_t given = GetOptions().sample_interval;
  g_active.store(chosen ? settings.prof_active : given != 0, std::memory_order_relaxed);
  g_interval.store(chosen || given == 0 ? interval : given, std::memory_order_relaxed);
  recorder::SampleNewThreads(settings.prof_thread_active_init);
  SetPrefix(settings.prof_prefix);
}

void Install(void (*end)(int status)) {
  if (!g_settings.prof) return;
  g_end = end;
  g_by_bytes.SetEveryAllocated(DumpInterval());
  SetDumpsOnGrowth(g_settings.prof_gdump);
  if (DumpInterval() != 0) InstallPeerTriggers();
}

bool IsOn() { return g_settings.prof; }
const Settings& Given() { return g_settings; }

bool Active() { return g_active.load(std::memory_order_relaxed); }
void SetActive(bool on) {
  if (g_active.exchange(on, std::memory_order_relaxed) == on) return;
  AdoptIfCopy();
  recorder::SetInterval(on ? g_interval.load(std::memory_order_relaxed) : 0);
}

bool DumpsOnGrowth() { return g_by_growth.on_growth() != 0; }
void SetDumpsOnGrowth(bool on) {
  g_by_growth.SetOnGrowth(on ? kGrowthStep : 0);
  if (on) InstallPeerTriggers();
}

uint64_t DumpInterval() {
  return g_settings.lg_prof_interval < 0 ? 0 : uint64_t{1} << g_settings.lg_prof_interval;
}

size_t LgSample() { return LgOf(g_interval.load(std::memory_order_relaxed)); }

void SetPrefix(const char* prefix) {
  char* place = g_prefixes[g_prefix_turn.fetch_add(1, std::memory_order_relaxed) % 2];
  TextWriter(place, kPathCapacity).Str(prefix);
  // release: the text before the pointer.
  g_prefix.store(place, std::memory_order_release);
}

bool Reset(size_t lg_sample) {
  AdoptIfCopy();
  if (ResetPeerProfiles() != 0) return false;
  if (lg_sample != LgSample()) {
    g_interval.store(IntervalOf(lg_sample), std::memory_order_relaxed);
    if (Active()) recorder::SetInterval(IntervalOf(lg_sample));
  }
  return true;
}

int Dump(const char* path) {
  if (path != nullptr) return DumpTo(path, PeerFile::kThrough);
  Text<kPathCapacity> name;
  return DumpToNextName('m', &g_called, &name);
}

int SetThreadName(const char* name) {
  if (name == nullptr) return EFAULT;
  for (const char* at = name; *at != '\0'; ++at) {
    const bool is_printed = (*at >= ' ' && *at <= '~') || *at == '\t';
    if (!is_printed) return EFAULT;
  }
  g_has_names.store(true, std::memory_order_relaxed);
  return SetLabel(kThreadLabel, *name != '\0' ? name : nullptr) == 0 ? 0 : EAGAIN;
}

const char* ThreadName() {
  const char* name = GetLabel(kThreadLabel);
  return name != nullptr ? name : "";
}

void ForgetInheritedName() {
  if (g_has_names.load(std::memory_order_relaxed)) SetLabel(kThreadLabel, nullptr);
}

void LookAtTriggers(size_t size, uint64_t interval) {
  if (g_by_bytes.IsAnySet() && g_by_bytes.IsDue(size, interval)) DumpByItself('i', &g_intervals);
  if (g_by_growth.IsAnySet() && g_by_growth.IsDue(size, interval)) DumpByItself('u', &g_growths);
}

void AfterForkInChild() {
  g_by_bytes.Restart();
  g_by_growth.Restart();
}

}  // namespace heapprof::jemalloc_profiler
