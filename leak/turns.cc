// SPDX-License-Identifier: Apache-2.0
#include "leak/turns.h"

#include "base/lock/futex.h"
#include "base/lock/lock_rank.h"
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
  const auto self = static_cast<uint32_t>(RawGetTid());
  uint64_t mask = BlockSignals();
  if (holder_.load(std::memory_order_relaxed) == self) {
    ++nested_;
    return mask;
  }
  if (kind == kCheck) CheckRankBeforeLock(LockRank::kLeakTurn);
  int64_t since = 0;
  std::atomic<uint32_t>& waiting = waiting_[kind];
  std::atomic<uint32_t>& others = waiting_[kind == kCheck ? kFork : kCheck];
  for (;;) {
    bool polite = last_.load(std::memory_order_relaxed) == kind &&
                  others.load(std::memory_order_relaxed) != 0 &&
                  (since == 0 || RawMonotonicNanos() - since < kPatience);
    uint32_t holder = 0;
    // acquire: what the last one left behind.
    if (!polite && holder_.compare_exchange_strong(holder, self, std::memory_order_acquire)) break;
    if (since == 0) {
      since = RawMonotonicNanos();
      waiting.fetch_add(1, std::memory_order_relaxed);
    }
    RestoreSignals(mask);
    if (polite) holder = holder_.load(std::memory_order_relaxed);
    FutexWait(&holder_, holder, polite ? kLookForOther : kLookAgain);
    BlockSignals();
  }
  if (since != 0) waiting.fetch_sub(1, std::memory_order_relaxed);
  last_.store(kind, std::memory_order_relaxed);
  NoteHeld(LockRank::kLeakTurn, true);
  return mask;
}

void Turns::End() {
  if (nested_ > 0) {
    --nested_;
    return;
  }
  NoteHeld(LockRank::kLeakTurn, false);
  holder_.store(0, std::memory_order_release);
  FutexWakeAll(&holder_);
}

void Turns::ForgetAfterFork() {
  NoteHeld(LockRank::kLeakTurn, false);
  holder_.store(0, std::memory_order_relaxed);
  nested_ = 0;
  for (auto& waiting : waiting_) waiting.store(0, std::memory_order_relaxed);
}

}  // namespace heapprof::leak
