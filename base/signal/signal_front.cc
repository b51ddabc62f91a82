// SPDX-License-Identifier: Apache-2.0
#include "base/signal/signal_front.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include <atomic>

#include "base/lock/owner_lock.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"

namespace heapprof {
namespace {

// The kernel's struct sigaction, which is not libc's.
struct KernelAction {
  uintptr_t handler;
  unsigned long flags;
  uintptr_t restorer;
  uint64_t mask;
};

struct Front {
  int number;
  FrontKind kind;
  FrontHandler handler;
  struct sigaction program;  // as the program set it; guarded by the lock
  // What a handler reads of it.
  std::atomic<uintptr_t> program_handler;
  std::atomic<int> program_flags;
};

constexpr size_t kMaxFronts = 16;
Front g_fronts[kMaxFronts];
std::atomic<size_t> g_count{0};
std::atomic<int> g_pid{0};
// Taken with all signals blocked.
OwnerLock<LockRank::kSignals> g_lock;
SigactionFunction g_libc_sigaction = nullptr;

uintptr_t HandlerOf(const struct sigaction& action) { return reinterpret_cast<uintptr_t>(action.sa_handler); }
bool IsDefault(uintptr_t handler) { return handler == reinterpret_cast<uintptr_t>(SIG_DFL); }
bool IsIgnore(uintptr_t handler) { return handler == reinterpret_cast<uintptr_t>(SIG_IGN); }

// The kernel lets two signals through, and the program finds none of them in what it has set.
struct sigaction WithMaskOfKernel(struct sigaction action) {
  constexpr uint64_t kNever = uint64_t{1} << (SIGKILL - 1) | uint64_t{1} << (SIGSTOP - 1);
  uint64_t mask;
  memcpy(&mask, &action.sa_mask, sizeof(mask));
  mask &= ~kNever;
  memcpy(&action.sa_mask, &mask, sizeof(mask));
  return action;
}

Front* FrontOf(int number) {
  // acquire: the front before the count that covers it.
  size_t count = g_count.load(std::memory_order_acquire);
  for (size_t i = 0; i < count; ++i) {
    if (g_fronts[i].number == number) return &g_fronts[i];
  }
  return nullptr;
}

KernelAction ReadKernelAction(int number) {
  KernelAction now = {};
  RawSyscall(SYS_rt_sigaction, number, 0, reinterpret_cast<long>(&now), sizeof(now.mask));
  return now;
}

void CallOnce(int number, siginfo_t* info, void* context);

bool IsOurHandler(const Front& front, uintptr_t handler) {
  return handler == reinterpret_cast<uintptr_t>(front.handler) ||
         handler == reinterpret_cast<uintptr_t>(CallOnce);
}

bool IsOurs(const Front& front) { return IsOurHandler(front, ReadKernelAction(front.number).handler); }

// `action` with a handler of ours instead.
void Put(const Front& front, struct sigaction action, FrontHandler handler) {
  action.sa_sigaction = handler;
  action.sa_flags |= SA_SIGINFO;
  g_libc_sigaction(front.number, &action, nullptr);
}

// For the time in which no handler of the program's is to be called.
void PutOurs(const Front& front) {
  struct sigaction action = {};
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  memset(&action.sa_mask, 0xff, sizeof(action.sa_mask));
  Put(front, action, front.handler);
  if (front.kind != FrontKind::kStays) return;
  // libc leaves two signals of its own unblocked. By one of them a thread may be cancelled, or stopped, while
  // its handler holds a lock.
  KernelAction now = ReadKernelAction(front.number);
  now.mask = ~uint64_t{0};
  RawSyscall(SYS_rt_sigaction, front.number, reinterpret_cast<long>(&now), 0, sizeof(now.mask));
}

void Note(Front* front, const struct sigaction& action) {
  front->program = action;
  front->program_flags.store(action.sa_flags, std::memory_order_relaxed);
  front->program_handler.store(HandlerOf(action), std::memory_order_release);
}

bool IsForOnce(int flags) { return (flags & static_cast<int>(SA_RESETHAND)) != 0; }

void PutProgramHandler(const Front& front) {
  struct sigaction action = front.program;
  if (front.kind == FrontKind::kGivesWay && !(IsForOnce(action.sa_flags) && IsHandler(action))) {
    g_libc_sigaction(front.number, &action, nullptr);
    return;
  }
  // The kernel would put the default where ours has to be: CallOnce and PassToProgram put it there.
  action.sa_flags &= ~static_cast<int>(SA_RESETHAND);
  Put(front, action, front.kind == FrontKind::kGivesWay ? CallOnce : front.handler);
}

// Whether the kernel's action is to be the program's own.
bool IsProgramsTurn(const Front& front) {
  uintptr_t handler = HandlerOf(front.program);
  return IsHandler(front.program) || (IsIgnore(handler) && front.kind == FrontKind::kGivesWay);
}

class Locked {
 public:
  Locked() { g_lock.Lock(); }
  ~Locked() { g_lock.Unlock(); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  SignalsBlocked blocked_;
};

void PutDefault(int number) {
  KernelAction none = {};
  RawSyscall(SYS_rt_sigaction, number, reinterpret_cast<long>(&none), 0, sizeof(none.mask));
}

bool InChildThatSharesOrCopies() { return g_pid.load(std::memory_order_relaxed) != RawGetPid(); }

// Calls a handler of the program's that is for one time, in a front that gives way; ours is there again
// before that, as the handler may raise the signal. Of several threads that come here together the first one
// has it.
void CallOnce(int number, siginfo_t* info, void* context) {
  Front* front = FrontOf(number);
  uintptr_t handler = front->program_handler.load(std::memory_order_acquire);
  if (InChildThatSharesOrCopies()) {
    PutDefault(number);
  } else {
    Locked lock;
    handler = HandlerOf(front->program);
    if (IsHandler(front->program) && IsForOnce(front->program.sa_flags)) {
      struct sigaction by_default = front->program;
      by_default.sa_handler = SIG_DFL;
      Note(front, by_default);
      PutOurs(*front);
    }
  }
  if (IsIgnore(handler)) return;
  if (IsDefault(handler)) {
    SignalsBlocked blocked;  // as where the kernel calls it; here the mask is that of the program's handler
    front->handler(number, info, context);
  } else {
    reinterpret_cast<FrontHandler>(handler)(number, info, context);
  }
}

}  // namespace

void SetLibcSigaction(SigactionFunction function) { g_libc_sigaction = function; }

bool IsHandler(const struct sigaction& action) {
  uintptr_t handler = HandlerOf(action);
  return !IsDefault(handler) && !IsIgnore(handler);
}

int InstallFront(int number, FrontKind kind, FrontHandler handler) {
  if (g_libc_sigaction == nullptr) return -EEXIST;
  Locked lock;
  Front* front = FrontOf(number);
  if (front == nullptr) {
    size_t count = g_count.load(std::memory_order_relaxed);
    struct sigaction now = {};
    if (count == kMaxFronts || g_libc_sigaction(number, nullptr, &now) != 0) return -EEXIST;
    front = &g_fronts[count];
    front->number = number;
    front->kind = kind;
    front->handler = handler;
    Note(front, now);
    // A front that stays is none before it is needed.
    if (kind == FrontKind::kStays && IsHandler(now)) return -EEXIST;
    g_pid.store(RawGetPid(), std::memory_order_relaxed);
    g_count.store(count + 1, std::memory_order_release);
  } else if (!IsOurs(*front)) {
    // The program went past libc, and may have gone back.
    struct sigaction now = {};
    g_libc_sigaction(number, nullptr, &now);
    Note(front, now);
  }
  if (IsProgramsTurn(*front)) return -EEXIST;
  PutOurs(*front);
  return 0;
}

bool HasFront(int number) { return FrontOf(number) != nullptr; }

bool FrontIsInstalled(int number) {
  const Front* front = FrontOf(number);
  return front != nullptr && ReadKernelAction(number).handler == reinterpret_cast<uintptr_t>(front->handler);
}

int SetProgramAction(int number, const struct sigaction* wanted, struct sigaction* old) {
  Front* front = FrontOf(number);
  if (InChildThatSharesOrCopies()) {
    struct sigaction now = {};
    if (g_libc_sigaction(number, wanted, &now) != 0) return -errno;
    bool ours = IsOurHandler(*front, HandlerOf(now));
    if (old != nullptr) *old = ours ? front->program : now;
    return 0;
  }
  // Read and written outside of the lock, as the addresses may be bad.
  struct sigaction action = {}, was = {};
  if (wanted != nullptr) action = WithMaskOfKernel(*wanted);
  {
    Locked lock;
    if (!IsOurs(*front)) {
      struct sigaction now = {};
      g_libc_sigaction(number, nullptr, &now);
      Note(front, now);
    }
    was = front->program;
    if (wanted != nullptr) {
      Note(front, action);
      if (IsProgramsTurn(*front)) {
        PutProgramHandler(*front);
      } else {
        PutOurs(*front);
      }
    }
  }
  if (old != nullptr) *old = was;
  return 0;
}

void PassToProgram(int number, siginfo_t* info, void* context) {
  Front* front = FrontOf(number);
  uintptr_t handler = front->program_handler.load(std::memory_order_acquire);
  if (IsIgnore(handler)) return;
  if (IsDefault(handler)) {
    // It ends the process, as soon as this handler returns.
    PutDefault(number);
    RawSyscall(SYS_tgkill, RawGetPid(), RawGetTid(), number);
    return;
  }
  if (IsForOnce(front->program_flags.load(std::memory_order_relaxed))) {
    front->program_handler.store(reinterpret_cast<uintptr_t>(SIG_DFL), std::memory_order_relaxed);
    front->program.sa_handler = SIG_DFL;
  }
  reinterpret_cast<FrontHandler>(handler)(number, info, context);
}

void FrontsBeforeExec() {
  for (size_t i = 0; i < g_count.load(std::memory_order_acquire); ++i) {
    const Front& front = g_fronts[i];
    if (!IsIgnore(front.program_handler.load(std::memory_order_relaxed)) || !IsOurs(front)) continue;
    KernelAction ignore = {};
    ignore.handler = reinterpret_cast<uintptr_t>(SIG_IGN);
    RawSyscall(SYS_rt_sigaction, front.number, reinterpret_cast<long>(&ignore), 0, sizeof(ignore.mask));
  }
}

void FrontsAfterFailedExec() {
  for (size_t i = 0; i < g_count.load(std::memory_order_acquire); ++i) {
    const Front& front = g_fronts[i];
    bool ignored = IsIgnore(front.program_handler.load(std::memory_order_relaxed));
    if (ignored && front.kind == FrontKind::kStays) PutOurs(front);
  }
}

void FrontsAfterForkInChild() {
  g_lock.ResetAfterFork();
  g_pid.store(RawGetPid(), std::memory_order_relaxed);
}

}  // namespace heapprof
