// SPDX-License-Identifier: Apache-2.0
#include "sampling/stop/tracer_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/lock/futex.h"
#include "base/system/raw_syscall.h"
#include "sampling/stop/traced_thread.h"

namespace heapprof {
namespace {

constexpr size_t kStackBytes = 64 << 10;
constexpr int64_t kLookAgain = 20'000'000;        // ns
constexpr int64_t kNamePatience = 2'000'000'000;  // ns

}  // namespace

bool ChildrenShareNamespace() {
  char own[64], of_children[64];
  long own_size = RawSyscall(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>("/proc/thread-self/ns/pid"),
                             reinterpret_cast<long>(own), sizeof(own));
  long size =
      RawSyscall(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>("/proc/thread-self/ns/pid_for_children"),
                 reinterpret_cast<long>(of_children), sizeof(of_children));
  return own_size > 0 && size == own_size && memcmp(own, of_children, static_cast<size_t>(size)) == 0;
}

bool TracersAreNamed() {
  char value = '0';
  int fd = RawOpen("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return false;
  RawRead(fd, &value, 1);
  RawClose(fd);
  return value == '1';
}

long Trace(long request, int tid, long address, const void* data) {
  return RawSyscall(SYS_ptrace, request, tid, address, reinterpret_cast<long>(data));
}

int TracerProcess::Start(void (*run)(void* argument), void* argument) {
  if (!ChildrenShareNamespace()) return -EPERM;
  run_ = run;
  argument_ = argument;
  starter_process_ = RawGetPid();
  starter_ = RawGetTid();
  named_.store(0, std::memory_order_relaxed);
  stack_ = static_cast<char*>(RawMap(kStackBytes));
  if (stack_ == nullptr) return -ENOMEM;
  process_ = CloneProcess(stack_ + kStackBytes, &alive_, Enter, this);
  if (process_ < 0) {
    RawUnmap(stack_, kStackBytes);
    stack_ = nullptr;
    return process_;
  }
  NameAsTracer();
  named_.store(1, std::memory_order_release);
  FutexWakeAll(&named_);
  return 0;
}

void TracerProcess::NameAsTracer() const {
  if (TracersAreNamed()) RawSyscall(SYS_prctl, PR_SET_PTRACER, process_);
}

void TracerProcess::LetGoOn() const { RawSyscall(SYS_kill, process_, SIGCONT); }

void TracerProcess::Enter(void* self) {
  auto* tracer = static_cast<TracerProcess*>(self);
  // What stops the program's group does not stop it: it may hold a thread.
  RawSyscall(SYS_setpgid, 0, 0);
  RawSyscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  // It may have ended before: by another thread's exec, which would find the old descriptors still open here.
  if (RawSyscall(SYS_tgkill, tracer->starter_process_, tracer->starter_, 0) == -ESRCH) return;
  while (tracer->named_.load(std::memory_order_acquire) == 0) {
    if (FutexWait(&tracer->named_, 0, kNamePatience) == -ETIMEDOUT) return;
  }
  tracer->run_(tracer->argument_);
}

void TracerProcess::AwaitEnd() const {
  while (int process = alive_.load(std::memory_order_acquire)) {
    if (FutexWaitForEnd(&alive_, process, kLookAgain) == -ETIMEDOUT) LetGoOn();
  }
}

void TracerProcess::Join() {
  if (stack_ == nullptr) return;
  AwaitEnd();
  // Only its own waiter knows of a child without a signal; a thread of the program that waits for all kinds
  // may have been faster.
  while (RawSyscall(SYS_wait4, process_, 0, __WALL, 0) == -EINTR) {
  }
  RawUnmap(stack_, kStackBytes);
  stack_ = nullptr;
}

void TracerProcess::Forget() {
  if (stack_ != nullptr) RawUnmap(stack_, kStackBytes);
  stack_ = nullptr;
  alive_.store(0, std::memory_order_relaxed);
}

}  // namespace heapprof
