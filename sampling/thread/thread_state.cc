#include "sampling/thread/thread_state.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "base/lock/spinlock.h"
#include "base/system/raw_syscall.h"
#include "sampling/thread/countdown.h"

namespace heapprof {
namespace {

thread_local ThreadState t_state __attribute__((tls_model("initial-exec")));

SpinLock g_lock(LockRank::kThreadList);
ThreadState* g_first = nullptr;
pthread_key_t g_key;
bool g_have_key = false;

void LeaveList(void* value) {
  auto* state = static_cast<ThreadState*>(value);
  SpinLockHolder hold(&g_lock);
  if (state->previous != nullptr) state->previous->next = state->next;
  if (state->next != nullptr) state->next->previous = state->previous;
  if (g_first == state) g_first = state->next;
}

}  // namespace

ThreadState& CurrentThread() { return t_state; }

void InitThreadList() { g_have_key = pthread_key_create(&g_key, LeaveList) == 0; }

void ListThread(ThreadState* state) {
  // Without a key nobody would tell of the thread's end: it then learns of a new interval at its next sample.
  if (state->listed || !g_have_key) return;
  state->listed = true;
  state->inside = true;
  state->countdown = &t_countdown.countdown;
  if (pthread_setspecific(g_key, state) == 0) {
    SpinLockHolder hold(&g_lock);
    state->previous = nullptr;
    state->next = g_first;
    if (g_first != nullptr) g_first->previous = state;
    g_first = state;
  }
  state->inside = false;
}

void SendAllThreadsTheSlowWay(uint32_t epoch) {
  ThreadState* self = &t_state;
  self->inside = true;
  {
    SpinLockHolder hold(&g_lock);
    for (ThreadState* state = g_first; state != nullptr; state = state->next) {
      if (state == self) continue;
      // The owner subtracts with one plain instruction, which may write over our zero. After a barrier in
      // every thread that instruction is done: look again. Each round loses only against an allocation that
      // was under way at that very moment.
      constexpr int kRounds = 100;
      for (int round = 0; round < kRounds; ++round) {
        if (state->epoch.load(std::memory_order_acquire) == epoch) break;
        if (round > 0 && __atomic_load_n(state->countdown, __ATOMIC_RELAXED) == 0) break;
        __atomic_store_n(state->countdown, uint64_t{0}, __ATOMIC_RELAXED);
        if (RawSyscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) != 0) {
          RawSyscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0);
          RawSyscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0);
        }
      }
    }
  }
  self->inside = false;
}

void LockThreadListForFork() { g_lock.LockForFork(); }

void UnlockThreadListAfterFork(bool in_child) {
  if (!in_child) {
    g_lock.Unlock();
    return;
  }
  ThreadState* self = &t_state;
  bool was_listed = false;
  for (ThreadState* state = g_first; state != nullptr; state = state->next) was_listed |= state == self;
  g_first = was_listed ? self : nullptr;
  self->next = self->previous = nullptr;
  g_lock.ResetAfterFork();
}

}  // namespace heapprof
