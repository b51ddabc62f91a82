// SPDX-License-Identifier: Apache-2.0
#include "base/system/coarse_clock.h"

#include <sys/syscall.h>

#include <atomic>

#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

std::atomic<VdsoClock*> g_clock{nullptr};
std::atomic<clockid_t> g_fine{CLOCK_MONOTONIC};

int64_t Nanos(clockid_t id) {
  timespec now = {};
  VdsoClock* clock = g_clock.load(std::memory_order_relaxed);
  if (clock == nullptr || clock(id, &now) != 0) {
    RawSyscall(SYS_clock_gettime, id, reinterpret_cast<long>(&now));
  }
  constexpr int64_t kSecond = 1'000'000'000;
  return int64_t{now.tv_sec} * kSecond + now.tv_nsec;
}

}  // namespace

void SetVdsoClock(VdsoClock* clock) { g_clock.store(clock, std::memory_order_relaxed); }

int64_t CoarseRealtimeNanos() { return Nanos(CLOCK_REALTIME_COARSE); }
int64_t CoarseMonotonicNanos() { return Nanos(CLOCK_MONOTONIC_COARSE); }
int64_t FineMonotonicNanos() { return Nanos(g_fine.load(std::memory_order_relaxed)); }

bool UseProcessorCounter(bool on) {
  return g_fine.exchange(on ? CLOCK_MONOTONIC : CLOCK_MONOTONIC_COARSE) == CLOCK_MONOTONIC;
}

}  // namespace heapprof
