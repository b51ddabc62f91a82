// SPDX-License-Identifier: Apache-2.0
#include "sampling/recorder.h"

#include <sys/resource.h>

#include "base/constinit.h"
#include "base/hash.h"
#include "base/lock/spinlock.h"
#include "base/memory/arena.h"
#include "base/options.h"
#include "base/system/coarse_clock.h"
#include "base/system/signals_blocked.h"
#include "sampling/heap/heap_tables.h"
#include "sampling/heap/sampler.h"
#include "sampling/recorder_tables.h"
#include "sampling/thread/last_walks.h"
#include "sampling/thread/sample_classes.h"
#include "sampling/thread/thread_state.h"

// glibc: where the kernel put argc; everything of the main thread's stack that a walk visits lies below.
extern "C" void* __libc_stack_end;

namespace heapprof {

thread_local ThreadCountdown t_countdown __attribute__((tls_model("initial-exec")));
uint64_t g_sample_mask = 0;
IntervalStamp g_interval_stamp = {};

namespace {

// Written before the stamp. A thread that reads them the other way round has an interval at least as new as
// the stamp; is it newer, the thread will find its stamp old, and draw once more.
std::atomic<uint64_t> g_interval{0};
std::atomic<bool> g_new_threads_off{false};
std::atomic<bool> g_started{false};
std::atomic<uint32_t> g_thread_number{0};
std::atomic<uint32_t> g_forks{0};

constexpr uint64_t kMinAlignment = kMinSampleMask + 1, kMaxAlignment = 4096, kIntervalsPerAlignment = 64;
constexpr uint64_t kNever = uint64_t{1} << 62;  // a countdown that no program uses up

// A - 1 for the interval R: waste per sample is at most A, so at most A / R of all bytes.
uint64_t MaskFor(uint64_t interval) {
  uint64_t alignment = kMaxAlignment;
  while (alignment > kMinAlignment && interval != 0 && alignment > interval / kIntervalsPerAlignment) {
    alignment /= 2;
  }
  return alignment - 1;
}

void SeedThread(ThreadState* thread) {
  uint64_t seed = GetOptions().seed;
  uint64_t number = g_thread_number.fetch_add(1, std::memory_order_relaxed);
  uint64_t forks = g_forks.load(std::memory_order_relaxed);
  thread->sampler.Seed(seed == 0 ? TrueRandom() : MixBits(seed + (forks << 32)) + number);
  thread->tid = RawGetTid();
  thread->seeded = true;
}

StackBounds MainThreadStack() {
  auto high = reinterpret_cast<uintptr_t>(__libc_stack_end);
  rlimit limit = {};
  constexpr uint64_t kUsual = 8 << 20, kMax = uint64_t{1} << 30;
  uint64_t size = kUsual;
  if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < kMax) size = limit.rlim_cur;
  return {high - size, high};
}

// A thread's first time here, or its first after a change of the interval.
void TakeInterval(ThreadState* thread) {
  if (!thread->seeded) {
    thread->off = g_new_threads_off.load(std::memory_order_relaxed);
    SeedThread(thread);
    if (thread->stack.high == 0 && thread->tid == RawGetPid()) thread->stack = MainThreadStack();
  }
  // acquire: the interval is not older than the stamp.
  int64_t stamp = __atomic_load_n(&g_interval_stamp.value, __ATOMIC_ACQUIRE);
  thread->interval = thread->off ? 0 : g_interval.load(std::memory_order_relaxed);
  t_countdown.stamp = stamp + kShortSizes;
}

uint64_t NewCountdown(ThreadState* thread) {
  if (thread->interval == 0) return kNever;
  return thread->interval == 1 ? 0 : thread->sampler.NextCountdown(thread->interval);
}

// `was_inside`: a handler forks, which interrupted the recorder.
struct ForkUnderWay {
  bool on, was_inside;
};
thread_local ForkUnderWay t_fork __attribute__((tls_model("initial-exec")));

void EndFork() {
  if (t_fork.on) CurrentThread().inside = t_fork.was_inside;
  t_fork.on = false;
}

}  // namespace

namespace recorder {

// The tables of this process. Others ask for them (heap/heap_tables.h).
HP_CONSTINIT BucketTable g_buckets;
HP_CONSTINIT LiveTable g_live;
HP_CONSTINIT HeapPeak g_peak;
HP_CONSTINIT HeapGrowth g_growth;
HP_CONSTINIT HeapLifetimes g_lifetimes;
std::atomic<uint32_t> g_leak_epoch{0};
std::atomic<bool> g_exact{false};
std::atomic<uint64_t> g_lost_samples{0}, g_truncated_stacks{0};

void Start() {
  const Options& options = GetOptions();
  SetMetadataLimit(options.metadata_limit);
  g_exact.store(options.sample_interval == 1, std::memory_order_relaxed);
  g_interval.store(options.sample_interval, std::memory_order_relaxed);
  __atomic_store_n(&g_interval_stamp.value, kStampStep, __ATOMIC_RELAXED);
  __atomic_store_n(&g_sample_mask, MaskFor(options.sample_interval), __ATOMIC_RELAXED);
  sample_classes::Admit(MaskFor(options.sample_interval));
  g_growth.Start(&g_buckets, CoarseMonotonicNanos());
  if (options.lifetimes) {
    g_live.KeepBirths();
    g_lifetimes.Start();
  }
  g_recording = options.lifetimes ? kWithLifetimes : kPlain;
  // release: all of the above before the first sample.
  g_started.store(true, std::memory_order_release);
}

bool Started() { return g_started.load(std::memory_order_acquire); }

uint64_t Decide(size_t size) {
  if (!Started()) {
    t_countdown.countdown = 0;  // ask again
    return 0;
  }
  ThreadState& thread = CurrentThread();
  if (thread.sampling || thread.inside) {
    // From within: drawing anew without sampling keeps the law for what follows, while firing on the next
    // allocation instead would always blame the same stack.
    t_countdown.countdown = NewCountdown(&thread);
    thread.newest.block = nullptr;
    return 0;
  }
  if (__builtin_expect(!IsDrawnOfPresentInterval(t_countdown), 0)) {
    TakeInterval(&thread);
    uint64_t fresh = NewCountdown(&thread);
    if (fresh > size) {
      t_countdown.countdown = fresh - size;
      return 0;
    }
  }
  t_countdown.countdown = NewCountdown(&thread);
  if (thread.interval == 0) return 0;  // an absurd size ran even kNever out
  thread.sampling = true;
  return thread.interval;
}

size_t SampleAlignment() { return __atomic_load_n(&g_sample_mask, __ATOMIC_RELAXED) + 1; }

void Forget() { CurrentThread().sampling = false; }

void Postpone() {
  Forget();
  t_countdown.countdown = 0;
}

uint64_t Interval() { return g_interval.load(std::memory_order_relaxed); }

void SetInterval(uint64_t bytes) {
  constexpr uint64_t kMax = uint64_t{1} << 47;
  if (bytes > kMax) bytes = kMax;
  if (bytes != 1) g_exact.store(false, std::memory_order_relaxed);
  // The mask loses bits before any sample with the smaller alignment is made, and never gains: older samples
  // must stay findable.
  sample_classes::Admit(MaskFor(bytes));
  __atomic_and_fetch(&g_sample_mask, MaskFor(bytes), __ATOMIC_SEQ_CST);
  g_interval.store(bytes, std::memory_order_relaxed);
  // release: mask and interval before the stamp. Of two that set at once, the interval that was stored last
  // is the one that every thread has in the end: its stamp is the later one or was there before it.
  __atomic_fetch_add(&g_interval_stamp.value, kStampStep, __ATOMIC_SEQ_CST);
}

void SampleThread(bool on) {
  ThreadState& thread = CurrentThread();
  if (!on) g_exact.store(false, std::memory_order_relaxed);
  TakeInterval(&thread);
  thread.off = !on;
  t_countdown = {};  // of no interval: the next allocation goes the slow way, which looks
}
bool SamplesThread() {
  const ThreadState& thread = CurrentThread();
  return thread.seeded ? !thread.off : SamplesNewThreads();
}
void SampleNewThreads(bool on) {
  if (!on) g_exact.store(false, std::memory_order_relaxed);
  g_new_threads_off.store(!on, std::memory_order_relaxed);
}
bool SamplesNewThreads() { return !g_new_threads_off.load(std::memory_order_relaxed); }

void CountLiveSince(uint32_t epoch, uint32_t* counts, uint32_t buckets) {
  SignalsBlocked blocked;
  g_live.CountSince(epoch, counts, buckets, !CurrentThread().inside);
}

bool RecordsEverything() { return Started() && g_exact.load(std::memory_order_relaxed); }

uint32_t NextLeakEpoch() {
  return (g_leak_epoch.fetch_add(1, std::memory_order_relaxed) + 1) & live::kEpochMask;
}

void IgnoreAllocations(bool on) {
  uint32_t& ignored = CurrentThread().ignored;
  if (on) {
    ++ignored;
  } else if (ignored > 0) {
    --ignored;
  }
}

bool IgnoreBlock(const void* block) {
  ThreadState& thread = CurrentThread();
  if (thread.inside) return false;
  thread.inside = true;
  bool found = g_live.Ignore(reinterpret_cast<uintptr_t>(block));
  thread.inside = false;
  return found;
}

bool PrepareFork() {
  t_fork = {true, CurrentThread().inside};
  CurrentThread().inside = true;
  if (g_buckets.LockForFork() && g_live.LockForFork() && g_growth.LockForFork() &&
      g_lifetimes.LockForFork(g_buckets.count()))
    return true;
  ParentAfterFork();
  return false;
}

void ParentAfterFork() {
  g_lifetimes.UnlockAfterFork(false);
  g_growth.UnlockAfterFork(false, 0);
  g_live.UnlockAfterFork(false);
  g_buckets.UnlockAfterFork(false);
  EndFork();
}

void ChildAfterFork() {
  g_lifetimes.UnlockAfterFork(true);
  g_growth.UnlockAfterFork(true, CoarseMonotonicNanos());
  g_live.UnlockAfterFork(true);
  g_buckets.UnlockAfterFork(true);
  g_forks.fetch_add(1, std::memory_order_relaxed);
  g_peak.Reset();
  KeepOwnLastWalk();
  EndFork();
  ThreadState& thread = CurrentThread();
  if (thread.seeded) {
    SeedThread(&thread);
    t_countdown = {};  // draw anew: the parent has used this countdown too
  }
}

void ThreadBegins(uintptr_t stack_low, uintptr_t stack_high) {
  CurrentThread().stack = {stack_low, stack_high};
}

}  // namespace recorder

BucketTable& HeapBuckets() { return recorder::g_buckets; }
LiveTable& LiveSamples() { return recorder::g_live; }
HeapPeak& PeakOfHeap() { return recorder::g_peak; }
HeapGrowth& GrowthOfHeap() { return recorder::g_growth; }
HeapLifetimes& LifetimesOfHeap() { return recorder::g_lifetimes; }

TableStats GetTableStats() {
  using namespace recorder;
  uint64_t samples = 0;
  uint32_t buckets = g_buckets.count();
  for (uint32_t id = 1; id <= buckets; ++id)
    samples += g_buckets.At(id)->allocations.load(std::memory_order_relaxed);
  return {samples,
          buckets,
          g_buckets.stacks().count(),
          g_live.Count(),
          g_lost_samples.load(std::memory_order_relaxed),
          g_truncated_stacks.load(std::memory_order_relaxed),
          MetadataBytes()};
}

}  // namespace heapprof
