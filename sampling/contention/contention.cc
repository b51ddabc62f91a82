// SPDX-License-Identifier: Apache-2.0
#include "sampling/contention/contention.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/options.h"
#include "sampling/contention/own_waits.h"
#include "sampling/contention/wait_sampler.h"
#include "sampling/contention/waiters.h"
#include "sampling/counts/named_profiles.h"

namespace heapprof::contention {

std::atomic<uint64_t> g_interval{0};

namespace {

struct ThreadWaits {
  WaitSampler sampler;
  bool seeded;
};
thread_local ThreadWaits t_waits __attribute__((tls_model("initial-exec")));

std::atomic<uint64_t> g_threads{0};  // that have drawn
std::atomic<bool> g_used{false};     // the interval was set once

void Record(ProfileKind kind, uint64_t nanos, const CallerFrame& caller) {
  const uint64_t interval = Interval();
  if (interval == 0) return;
  ThreadWaits& thread = t_waits;
  if (!thread.seeded) {
    const uint64_t seed = GetOptions().seed;
    const uint64_t number = g_threads.fetch_add(1, std::memory_order_relaxed);
    // Not the numbers of the heap's sampler, which counts threads, too.
    thread.sampler.Seed(seed == 0 ? TrueRandom() : MixBits(~seed) + number);
    thread.seeded = true;
  }
  ScaledWait scaled;
  if (!thread.sampler.Take(nanos, interval, &scaled)) return;
  ProcessProfiles().RecordWait(kind, {scaled.count, scaled.nanos}, caller);
}

}  // namespace

void SetInterval(uint64_t nanos) {
  if (nanos > kMaxContentionInterval) nanos = kMaxContentionInterval;
  if (nanos != 0) g_used.store(true, std::memory_order_relaxed);
  g_interval.store(nanos, std::memory_order_relaxed);
}

void RecordBlock(uint64_t nanos, const CallerFrame& caller) { Record(ProfileKind::kBlock, nanos, caller); }

void RecordUnlock(uint64_t nanos, const CallerFrame& caller) { Record(ProfileKind::kMutex, nanos, caller); }

void AfterForkInChild() {
  if (!g_used.load(std::memory_order_relaxed)) return;
  t_waits.seeded = false;
  t_own_waits.ForgetAllInChild();
  g_waiters.ForgetAllInChild();
}

}  // namespace heapprof::contention
