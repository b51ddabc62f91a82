#include "leak/turns.h"

#include "base/lock/futex.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"

namespace heapprof::leak {
namespace {

// A limit, as the other may have left its wait by a jump out of a handler.
constexpr int64_t kPatience = 20'000'000;  // ns
constexpr int64_t kLookAgain = 10'000'000;
constexpr int64_t kLookForOther = 1'000'000;

}  // namespace

uint64_t Turns::Begin(Kind kind) {
  uint64_t mask = BlockSignals();
  int64_t since = 0;
  std::atomic<uint32_t>& waiting = waiting_[kind];
  std::atomic<uint32_t>& others = waiting_[kind == kCheck ? kFork : kCheck];
  for (;;) {
    bool polite = last_.load(std::memory_order_relaxed) == kind &&
                  others.load(std::memory_order_relaxed) != 0 &&
                  (since == 0 || RawMonotonicNanos() - since < kPatience);
    // acquire: what the last one left behind.
    if (!polite && busy_.exchange(1, std::memory_order_acquire) == 0) break;
    if (since == 0) {
      since = RawMonotonicNanos();
      waiting.fetch_add(1, std::memory_order_relaxed);
    }
    RestoreSignals(mask);
    uint32_t busy = polite ? busy_.load(std::memory_order_relaxed) : 1;
    FutexWait(&busy_, busy, polite ? kLookForOther : kLookAgain);
    BlockSignals();
  }
  if (since != 0) waiting.fetch_sub(1, std::memory_order_relaxed);
  last_.store(kind, std::memory_order_relaxed);
  return mask;
}

void Turns::End() {
  busy_.store(0, std::memory_order_release);
  FutexWakeAll(&busy_);
}

void Turns::ForgetAfterFork() {
  busy_.store(0, std::memory_order_relaxed);
  for (auto& waiting : waiting_) waiting.store(0, std::memory_order_relaxed);
}

}  // namespace heapprof::leak
