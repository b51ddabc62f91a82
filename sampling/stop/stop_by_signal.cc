// SPDX-License-Identifier: Apache-2.0
#include "sampling/stop/stop_by_signal.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include <atomic>

#include "base/lock/futex.h"
#include "base/lock/spinlock.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"

namespace heapprof::stop_signal {
namespace {

constexpr int kSignal = 33;      // libc's SIGSETXID
constexpr int kOwnCode = -4711;  // si_code of our signals; negative ones are for programs

// Odd while a world is stopped. Threads wait on it.
std::atomic<uint32_t> g_generation{0};
std::atomic<uint32_t> g_answered{0};  // the stopper waits on it
std::atomic<ThreadTable*> g_table{nullptr};
KernelSigaction g_old_action;
bool g_installed;

// Notes that this thread, whose registers `code` has, stands still, and waits until it need not.
void StandStill(ThreadRecord* record, const InterruptedCode& code, uint32_t generation) {
  record->code = code;
  // release: the registers before the word of them.
  record->state.store(StopState::kStopped, std::memory_order_release);
  g_answered.fetch_add(1, std::memory_order_release);
  FutexWakeAll(&g_answered);
  while (g_generation.load(std::memory_order_acquire) == generation) FutexWait(&g_generation, generation, 0);
}

// The calling thread's record, if it was asked.
ThreadRecord* AskedRecord(uint32_t generation) {
  ThreadTable* table = g_table.load(std::memory_order_acquire);
  if ((generation & 1) == 0 || table == nullptr) return nullptr;
  ThreadRecord* record = table->Find(RawGetTid());
  bool asked = record != nullptr && record->state.load(std::memory_order_relaxed) == StopState::kAsked;
  return asked ? record : nullptr;
}

// True: the signal was ours, and the world it was sent for is over or was waited for.
bool Park(const siginfo_t* info, void* context) {
  if (info->si_code != kOwnCode) return false;
  uint32_t generation = g_generation.load(std::memory_order_acquire);
  if (ThreadRecord* record = AskedRecord(generation)) {
    StandStill(record, ReadInterruptedCode(context), generation);
  }
  return true;
}

// A thread that waits for a lock of ours may block all signals, and the lock's holder may be stopped.
int StopWhileWaiting(void*, const SavedRegisters* registers) {
  uint32_t generation = g_generation.load(std::memory_order_acquire);
  if (ThreadRecord* record = AskedRecord(generation)) {
    auto start = reinterpret_cast<uintptr_t>(registers);
    InterruptedCode code = {
        registers->stack_pointer, ControlBlock(), {start, start + sizeof(*registers)}, {0, 0}};
    StandStill(record, code, generation);
  }
  return 0;
}
void OnLockWait() {
  // The stop signal must not fall between the look for a record and its use.
  SignalsBlocked blocked;
  CallWithRegisters(StopWhileWaiting, nullptr);
}

void OnSignal(int number, siginfo_t* info, void* context) {
  if (Park(info, context)) return;
  auto next = g_old_action.handler;
  auto value = reinterpret_cast<uintptr_t>(next);
  if (value > 1) next(number, info, context);  // neither SIG_DFL nor SIG_IGN
}

void InstallHandler() {
  KernelSigaction now = {};
  RawSyscall(SYS_rt_sigaction, kSignal, 0, reinterpret_cast<long>(&now), sizeof(now.mask));
  if (now.handler == OnSignal) return;
  g_old_action = now;
  KernelSigaction ours = StopAction(OnSignal);
  RawSyscall(SYS_rt_sigaction, kSignal, reinterpret_cast<long>(&ours), 0, sizeof(ours.mask));
  g_installed = true;
}

// The default action would end the process on an answer that comes late: a handler stays where there was
// none.
void RestoreHandler() {
  if (!g_installed || reinterpret_cast<uintptr_t>(g_old_action.handler) <= 1) return;
  RawSyscall(SYS_rt_sigaction, kSignal, reinterpret_cast<long>(&g_old_action), 0, sizeof(g_old_action.mask));
  g_installed = false;
}

// Threads that are in exec, by their ids. One takes the place of another whose exec fails or was a child's.
constexpr int kExecSlots = 16;
std::atomic<int> g_in_exec[kExecSlots];
std::atomic<int>& ExecSlot(int tid) { return g_in_exec[tid % kExecSlots]; }
std::atomic<int> g_asking{0};  // whom a signal is being sent

bool Send(int tid) {
  siginfo_t info;
  memset(&info, 0, sizeof(info));
  info.si_signo = kSignal;
  info.si_code = kOwnCode;
  info.si_pid = RawGetPid();
  return RawSyscall(SYS_rt_tgsigqueueinfo, RawGetPid(), tid, kSignal, reinterpret_cast<long>(&info)) == 0;
}

}  // namespace

void Begin(ThreadTable* table) {
  InstallHandler();
  SetLockWaitHook(OnLockWait);
  g_table.store(table, std::memory_order_release);
  g_answered.store(0, std::memory_order_relaxed);
  g_generation.fetch_add(1, std::memory_order_acq_rel);
}

bool Ask(int tid) {
  // Both sequentially consistent: either we see that it is in exec, or it sees that we are sending.
  g_asking.store(tid, std::memory_order_seq_cst);
  const bool in_exec = ExecSlot(tid).load(std::memory_order_seq_cst) == tid;
  const bool sent = !in_exec && Send(tid);
  g_asking.store(0, std::memory_order_seq_cst);
  return sent;
}

void BeforeExec() {
  const int self = RawGetTid();
  ExecSlot(self).store(self, std::memory_order_seq_cst);
  // A signal that has been sent is taken on the way out of a system call.
  do {
    RawSyscall(SYS_sched_yield);
  } while (g_asking.load(std::memory_order_seq_cst) == self);
  RawSyscall(SYS_sched_yield);
}

void AfterFailedExec() {
  int self = RawGetTid();
  ExecSlot(self).compare_exchange_strong(self, 0, std::memory_order_relaxed);
}

uint32_t Answered() { return g_answered.load(std::memory_order_acquire); }

bool Wait(uint32_t answered, int64_t nanos) { return FutexWait(&g_answered, answered, nanos) != -ETIMEDOUT; }

void End() {
  g_generation.fetch_add(1, std::memory_order_acq_rel);
  FutexWakeAll(&g_generation);
  SetLockWaitHook(nullptr);
  g_table.store(nullptr, std::memory_order_release);
  RestoreHandler();
}

void ForgetAfterFork() {
  g_generation.store(0, std::memory_order_relaxed);
  g_table.store(nullptr, std::memory_order_relaxed);
}

}  // namespace heapprof::stop_signal
