#include "base/lock/spinlock.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include "base/lock/futex.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"

namespace heapprof {
namespace {

std::atomic<void (*)()> g_wait_hook{nullptr};

}  // namespace

#ifndef NDEBUG
namespace {
thread_local uint32_t t_held_ranks __attribute__((tls_model("initial-exec"))) = 0;
}

void SpinLock::CheckRankBeforeLock() const {
  if ((t_held_ranks >> static_cast<int>(rank_)) != 0) Die("a lock was taken out of the order of ranks");
}

void SpinLock::NoteHeld(bool held) const {
  uint32_t bit = 1u << static_cast<int>(rank_);
  t_held_ranks = held ? (t_held_ranks | bit) : (t_held_ranks & ~bit);
}
#endif

void SpinLock::LockSlow() {
  // Hold times are tens of nanoseconds: spin for about one of them, then sleep.
  for (int spins = 0; spins < 200; ++spins) {
    if (state_.load(std::memory_order_relaxed) == kUnlocked && TryAcquire()) return;
    __builtin_ia32_pause();
  }
  // acquire: as in Lock.
  while (state_.exchange(kContended, std::memory_order_acquire) != kUnlocked) {
    // A limit, as the holder may be stopped, and this thread is to be then, whatever signals it blocks.
    constexpr int64_t kLimit = 10'000'000;
    FutexWait(&state_, kContended, kLimit);
    if (auto* wait = g_wait_hook.load(std::memory_order_acquire)) wait();
  }
}

void SetLockWaitHook(void (*hook)()) { g_wait_hook.store(hook, std::memory_order_release); }

void SpinLock::Wake() { RawSyscall(SYS_futex, reinterpret_cast<long>(&state_), FUTEX_WAKE_PRIVATE, 1); }

}  // namespace heapprof
