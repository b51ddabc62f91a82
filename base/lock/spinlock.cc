// SPDX-License-Identifier: Apache-2.0
#include "base/lock/spinlock.h"

#include "base/lock/futex.h"
#include "base/lock/processor.h"
#include "base/older_libc.h"

namespace heapprof {
namespace {

std::atomic<void (*)()> g_wait_hook{nullptr};

}  // namespace

char* g_only_thread = &__libc_single_threaded;

__thread uint32_t t_lock_mark __attribute__((tls_model("initial-exec")));

uint32_t SpinLockWord::NewMark() {
  static std::atomic<uint32_t> marks{0};
  constexpr uint32_t kStep = ~kMarks + 1;
  uint32_t mark;
  do {
    mark = marks.fetch_add(kStep, std::memory_order_relaxed) + kStep;
  } while (mark == 0);
  // A handler may have come first: what it locked it has unlocked.
  t_lock_mark = mark;
  return mark;
}

bool SpinLockWord::AcquireSlow(uint32_t as, const int64_t* patience) {
  // Hold times are tens of nanoseconds: spin for about one of them, then sleep.
  for (int spins = 0; spins < 200; ++spins) {
    if (state_.load(std::memory_order_relaxed) == kUnlocked && TryAcquire(as)) return true;
    Pause();
  }
  int64_t until = patience != nullptr ? RawMonotonicNanos() + *patience : 0;
  for (;;) {
    uint32_t state = state_.load(std::memory_order_relaxed);
    if (state == kUnlocked) {
      // Others may wait as well: whoever had to sleep wakes the next.
      if (TryAcquire(as | kContended)) return true;
      continue;
    }
    if ((state & kContended) == 0 &&
        !state_.compare_exchange_weak(state, state | kContended, std::memory_order_relaxed)) {
      continue;
    }
    if (patience != nullptr && RawMonotonicNanos() >= until) return false;
    // A limit, as the holder may be stopped, and this thread is to be then, whatever signals it blocks.
    constexpr int64_t kLimit = 10'000'000;
    FutexWait(&state_, state | kContended, kLimit);
    if (auto* wait = g_wait_hook.load(std::memory_order_acquire)) wait();
  }
}

bool SpinLockWord::AcquireForFork() {
  uint32_t mark = OwnMark();
  return TryAcquire(mark | kForFork) || AcquireSlow(mark | kForFork, &kForkPatience);
}

bool SpinLockWord::ReleaseAfterFork(bool in_child) {
  uint32_t state = state_.load(std::memory_order_relaxed);
  bool own = (state & kMarks) == OwnMark();
  // In a child there is nobody to wake, which does no harm.
  if (own && (state & kForFork) != 0) {
    Release();
    return true;
  }
  if (in_child && !own) state_.store(kUnlocked, std::memory_order_relaxed);
  return false;
}

void SetLockWaitHook(void (*hook)()) { g_wait_hook.store(hook, std::memory_order_release); }

void SpinLockWord::Wake() { FutexWakeOne(&state_); }

}  // namespace heapprof
