// SPDX-License-Identifier: Apache-2.0
#include "sampling/contention/own_waits.h"

#include "sampling/thread/thread_state.h"
#include "sampling/unwind/walk.h"

namespace heapprof {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Whoever takes `since` away leaves the table, be it this code or a handler that has interrupted it.
void LeaveTable(Waiters* waiters, OwnWaits::Wait* wait) {
  const void* lock = wait->lock.load(kRelaxed);
  const void* condition = wait->condition.load(kRelaxed);
  const uint64_t since = wait->since.exchange(0, kRelaxed);
  if (since == 0) return;
  if (condition != nullptr) {
    waiters->LeaveCondition(condition, lock);
  } else {
    waiters->Leave(lock, since);
  }
}

}  // namespace

__thread OwnWaits t_own_waits __attribute__((tls_model("initial-exec"))){};

bool OwnWaits::MayBeHandlers(const CallerFrame& caller) {
  constexpr uint32_t kDepth = 128;
  uintptr_t pcs[kDepth];
  const WalkResult walk = WalkStack(caller, CurrentThread().stack, pcs, kDepth);
  return walk.in_handler || walk.truncated || walk.depth == kDepth;
}

// Takes out what is over, and returns a note that has that stack pointer already: a handler takes another. If
// none is over, as far as can be seen, the one farthest out is taken.
OwnWaits::Wait* OwnWaits::Claim(Waiters* waiters, const CallerFrame& caller, IsHandlers* is_handlers) {
  Wait *free = nullptr, *outermost = &waits_[0];
  bool in_handler = false;  // which has interrupted what lies above
  for (Wait& wait : waits_) {
    const uintptr_t sp = wait.sp.load(kRelaxed);
    if (sp > caller.sp) in_handler = in_handler || is_handlers(caller);
    if (sp != 0 && (sp <= caller.sp || !in_handler)) {
      LeaveTable(waiters, &wait);
      wait.sp.store(0, kRelaxed);
    }
    if (wait.sp.load(kRelaxed) == 0) free = &wait;
    if (sp > outermost->sp.load(kRelaxed)) outermost = &wait;
  }
  if (free == nullptr) {
    free = outermost;
    LeaveTable(waiters, free);
  }
  free->sp.store(caller.sp, kRelaxed);
  return free;
}

OwnWaits::Wait* OwnWaits::EnterLock(Waiters* waiters, const void* lock, uint64_t now,
                                    const CallerFrame& caller, IsHandlers* is_handlers) {
  Wait* wait = Claim(waiters, caller, is_handlers);
  wait->lock.store(lock, kRelaxed);
  wait->condition.store(nullptr, kRelaxed);
  const uint64_t since = waiters->Enter(lock, now);
  if (since == 0) {
    wait->sp.store(0, kRelaxed);
    return nullptr;
  }
  wait->since.store(since, kRelaxed);
  return wait;
}

OwnWaits::Wait* OwnWaits::EnterCondition(Waiters* waiters, const void* condition, const void* lock,
                                         const CallerFrame& caller, IsHandlers* is_handlers) {
  Wait* wait = Claim(waiters, caller, is_handlers);
  wait->lock.store(lock, kRelaxed);
  wait->condition.store(condition, kRelaxed);
  if (!waiters->EnterCondition(condition, lock)) {
    wait->sp.store(0, kRelaxed);
    return nullptr;
  }
  wait->since.store(1, kRelaxed);
  return wait;
}

void OwnWaits::Leave(Waiters* waiters, Wait* wait, uintptr_t sp) {
  if (wait == nullptr || wait->sp.load(kRelaxed) != sp) return;
  LeaveTable(waiters, wait);
  wait->sp.store(0, kRelaxed);
}

void OwnWaits::ForgetAllInChild() {
  for (Wait& wait : waits_) {
    wait.since.store(0, kRelaxed);
    wait.sp.store(0, kRelaxed);
  }
}

}  // namespace heapprof
