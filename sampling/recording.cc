// SPDX-License-Identifier: Apache-2.0
// The half of the recorder that records what recorder.cc has decided on: into the tables, and out of them.
//
// There are two forms of it, with lifetimes and without, so that who does not ask for them runs no
// instruction more.
#include <alloca.h>

#include "base/lock/spinlock.h"
#include "base/options.h"
#include "base/system/coarse_clock.h"
#include "sampling/heap/sample_filter.h"
#include "sampling/recorder_tables.h"
#include "sampling/thread/labels.h"
#include "sampling/thread/last_walks.h"
#include "sampling/thread/thread_state.h"
#include "sampling/unwind/walk.h"

namespace heapprof::recorder {
namespace {

// Walks that lie farther apart find little as it was, and what they remember not in the caches.
constexpr uint64_t kMaxRememberedInterval = 65536;

// Before a bucket changes, inside: a handler's allocations and frees are not counted meanwhile.
inline void NoteTick(uint32_t id, const Bucket& bucket) {
  // acquire: the note of the thread that has set it before what is counted now.
  if (__builtin_expect(bucket.tick.load(std::memory_order_acquire) != g_buckets.tick(), 0)) g_growth.Roll(id);
}

inline void CountAllocation(uint32_t id, Bucket* bucket) {
  NoteTick(id, *bucket);
  g_peak.CountAllocation(bucket);
}

inline void CountFree(uint32_t id) {
  Bucket* bucket = g_buckets.At(id);
  NoteTick(id, *bucket);
  g_peak.CountFree(bucket);
}

// Inside. Where every block is recorded, at each large one and at each 64th of a thread.
inline void LookAtClock(ThreadState* thread, size_t size, uint64_t interval) {
  constexpr uint32_t kBlocks = 64;
  constexpr size_t kLarge = 4096;
  if (interval == 1 && size < kLarge && ++thread->looks % kBlocks != 0) return;
  const int64_t now = CoarseMonotonicNanos();
  if (now >= g_growth.NextTick()) g_growth.Advance(now);
}

// Before the free is counted: a reader finds no free without its lifetime.
void CountLifetime(uint32_t id, int64_t now, int64_t birth, bool temporary) {
  g_lifetimes.CountFree(id, *g_buckets.At(id), HeapLifetimes::ClassOf(now - birth), temporary);
}

// Whether this thread made the block and has allocated nothing since: each allocation takes its size off the
// countdown, and each one that is recorded is the newest. A block of size 0 is seen at interval 1 only.
bool IsNewest(const NewestBlock& newest, const void* block, int64_t birth) {
  return newest.block == block && newest.countdown == t_plain_countdown.countdown && newest.birth == birth;
}

// At interval 1. Of many buckets a thread's last ones are few, and the trail fetches those that follow.
__attribute__((always_inline)) inline uint32_t FindBucket(const BucketKey& key, LastWalk* last,
                                                          BucketTrail* trail) {
  if (last == nullptr || g_buckets.count() >= BucketTable::kFewBuckets)
    return g_buckets.FindOrAdd(key, trail);
  return LastWalks::BucketsBeside(last)->FindOrAdd(&g_buckets, key, trail);
}

template <bool kLifetimes>
__attribute__((always_inline)) inline void RecordBlock(const void* block, size_t size, uint64_t interval,
                                                       const CallerFrame& caller, int lg_alignment) {
  ThreadState& thread = CurrentThread();
  g_live.Prefetch(reinterpret_cast<uintptr_t>(block));  // there by the end of the walk
  const uint32_t max = GetOptions().max_frames;
  WalkResult walk;
  const uintptr_t* leaf;
  ptrdiff_t stride = LastWalk::kPcStride;
  LastWalk* last = interval <= kMaxRememberedInterval ? TakeLastWalk() : nullptr;
  if (last != nullptr && last->Walk(caller, thread.stack, max, &walk)) {
    leaf = last->leaf();
  } else {
    auto* pcs = static_cast<uintptr_t*>(alloca(max * sizeof(uintptr_t)));
    walk = WalkStack(caller, thread.stack, pcs, max);
    leaf = pcs;
    stride = 1;
  }
  if (walk.truncated) g_truncated_stacks.fetch_add(1, std::memory_order_relaxed);

  thread.inside = true;
  LookAtClock(&thread, size, interval);
  const BucketKey key = {
      {leaf, walk.depth, walk.truncated, walk.hash, stride}, size, interval, CurrentLabels()};
  const uint32_t id = interval == 1 ? FindBucket(key, last, &thread.trail) : g_buckets.FindOrAdd(key);
  bool lost = id == 0;
  if (id != 0) {
    Bucket* bucket = g_buckets.At(id);
    lost = bucket->stack == kOverflowStack;
    uint32_t stale;
    uint32_t lg = static_cast<uint32_t>(lg_alignment < kMaxLgAlignment ? lg_alignment : kMaxLgAlignment);
    uint32_t tag = g_leak_epoch.load(std::memory_order_relaxed) | lg << live::kAlignmentShift |
                   (thread.ignored != 0 ? live::kIgnoredTag : 0);
    const auto address = reinterpret_cast<uintptr_t>(block);
    const bool filtered = FilterInUse();
    if (filtered) sample_filter::Add(address);
    const int64_t now = kLifetimes ? FineMonotonicNanos() : 0;
    int64_t stale_birth = 0;
    const bool inserted = kLifetimes ? g_live.InsertBorn(address, id, tag, now, &stale, &stale_birth)
                                     : g_live.Insert(address, id, tag, &stale);
    if (filtered && (!inserted || stale != 0)) sample_filter::Remove(address);
    if (inserted) {
      // First what the block was before: it never was both.
      if (stale != 0) {
        if (kLifetimes) CountLifetime(stale, now, stale_birth, false);
        CountFree(stale);
      }
      CountAllocation(id, bucket);
    } else {
      // Not followed: it counts as allocated, not as in use.
      NoteTick(id, *bucket);
      CountUp(&bucket->allocations);
      CountUp(&bucket->frees);
      if (kLifetimes) g_lifetimes.CountFree(id, *bucket, HeapLifetimes::kUnknown, false);
      g_exact.store(false, std::memory_order_relaxed);
      lost = true;
    }
    if (kLifetimes) thread.newest = {inserted ? block : nullptr, t_plain_countdown.countdown, now};
  } else if (kLifetimes) {
    thread.newest.block = nullptr;
  }
  thread.inside = false;
  if (id == 0) g_exact.store(false, std::memory_order_relaxed);
  if (lost) g_lost_samples.fetch_add(1, std::memory_order_relaxed);
  thread.sampling = false;
}

template <bool kLifetimes>
__attribute__((always_inline)) inline bool ForgetBlock(const void* block) {
  ThreadState& thread = CurrentThread();
  // A handler that frees while the code it interrupted holds our locks: the entry stays, and is counted as
  // freed when its address is handed out again.
  if (thread.inside) return false;
  thread.inside = true;
  const auto address = reinterpret_cast<uintptr_t>(block);
  const bool expected = g_exact.load(std::memory_order_relaxed);
  int64_t birth = 0;
  uint32_t id = kLifetimes ? g_live.RemoveBorn(address, expected, &birth) : g_live.Remove(address, expected);
  if (id == 0) {
    thread.inside = false;
    return false;
  }
  if (kLifetimes) CountLifetime(id, FineMonotonicNanos(), birth, IsNewest(thread.newest, block, birth));
  CountFree(id);
  if (FilterInUse()) sample_filter::Remove(address);
  thread.inside = false;
  return true;
}

}  // namespace

const Recording kPlain = {
    [](const void* block, size_t size, uint64_t interval, const CallerFrame& caller, int lg_alignment) {
      RecordBlock<false>(block, size, interval, caller, lg_alignment);
    },
    ForgetBlock<false>};
const Recording kWithLifetimes = {
    [](const void* block, size_t size, uint64_t interval, const CallerFrame& caller, int lg_alignment) {
      RecordBlock<true>(block, size, interval, caller, lg_alignment);
    },
    ForgetBlock<true>};
Recording g_recording = kPlain;

bool IsSample(const void* block, Sample* sample) {
  if (CurrentThread().inside) return false;
  uint32_t tag;
  uint32_t id = g_live.Find(reinterpret_cast<uintptr_t>(block), &tag);
  if (id == 0) return false;
  const Bucket* bucket = g_buckets.At(id);
  auto lg = static_cast<int>(tag >> live::kAlignmentShift & live::kAlignmentMask);
  *sample = {bucket->size, bucket->interval, lg};
  return true;
}

void RecordResize(const void* block, const Sample& sample, size_t size, const CallerFrame& caller) {
  ThreadState& thread = CurrentThread();
  if (thread.sampling || thread.inside) return;
  if (size < sample.size && sample.interval > 1 &&
      !thread.sampler.StaysSample(sample.size, size, sample.interval)) {
    thread.newest.block = nullptr;  // it lives on
    RecordFree(block);
    return;
  }
  thread.sampling = true;
  RecordAllocation(block, size, sample.interval, caller, sample.lg_alignment);
}

}  // namespace heapprof::recorder
