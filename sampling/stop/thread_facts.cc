// SPDX-License-Identifier: Apache-2.0
#include "sampling/stop/thread_facts.h"

#include <string.h>
#include <sys/syscall.h>

namespace heapprof {
namespace {

// A number as the kernel prints it, decimal or "0x...". `*at` is behind it and the blanks that follow.
uint64_t TakeNumber(const char** at) {
  const char* p = *at;
  const bool hex = p[0] == '0' && p[1] == 'x';
  if (hex) p += 2;
  uint64_t value = 0;
  for (;; ++p) {
    const unsigned digit = *p >= '0' && *p <= '9'          ? static_cast<unsigned>(*p - '0')
                           : hex && *p >= 'a' && *p <= 'f' ? static_cast<unsigned>(*p - 'a') + 10
                                                           : 16;
    if (digit == 16) break;
    value = hex ? value << 4 | digit : value * 10 + digit;
  }
  while (*p == ' ') ++p;
  *at = p;
  return value;
}

// Of a line "key   :   value". nullptr: there is none.
const char* ValueOf(const char* text, const char* key) {
  const char* at = strstr(text, key);
  at = at == nullptr ? nullptr : strchr(at, ':');
  if (at == nullptr) return nullptr;
  while (*++at == ' ') {
  }
  return at;
}

}  // namespace

bool ReadThreadFacts(const TaskFolder& folder, int tid, ThreadFacts* facts) {
  *facts = {"", 'X'};
  char line[512];
  if (!folder.Read(tid, "stat", line, sizeof(line))) return false;
  const char* name = strchr(line, '(');
  const char* end = strrchr(line, ')');  // a name may have any of these in it
  if (name == nullptr || end == nullptr || end < name || end[1] != ' ') return false;
  const auto size = static_cast<size_t>(end - ++name);
  memcpy(facts->name, name, size < kThreadNameSize ? size : kThreadNameSize - 1);
  facts->name[size < kThreadNameSize ? size : kThreadNameSize - 1] = '\0';
  facts->letter = end[2];
  return true;
}

ThreadCall ReadThreadCall(const TaskFolder& folder, int tid) {
  ThreadCall call = {-1, 0, 0};
  char line[256];
  // "running", "-1 STACK PC", or "NUMBER SIX ARGUMENTS STACK PC"
  if (!folder.Read(tid, "syscall", line, sizeof(line))) return call;
  const char* at = line;
  if (*at >= '0' && *at <= '9') {
    call.number = static_cast<int>(TakeNumber(&at));
    call.argument = TakeNumber(&at);
  } else if (*at != '-') {
    return call;
  }
  const char* last = strrchr(line, ' ');
  if (last != nullptr) call.pc = TakeNumber(&++last);
  return call;
}

LastRan ReadLastRan(const TaskFolder& folder, int tid) {
  constexpr int64_t kNanosPerMilli = 1'000'000;
  LastRan last = {-1, 0};
  char text[1024];
  if (!folder.Read(tid, "sched", text, sizeof(text))) return last;
  const char* at = ValueOf(text, "\nse.exec_start");
  if (at == nullptr) return last;
  // Milliseconds, and six digits behind the point.
  const auto millis = static_cast<int64_t>(TakeNumber(&at));
  if (*at++ != '.') return last;
  const int64_t nanos = millis * kNanosPerMilli + static_cast<int64_t>(TakeNumber(&at));
  at = ValueOf(text, "\nse.nr_migrations");
  if (at == nullptr) return last;
  return {nanos, TakeNumber(&at)};
}

void AppendCall(const ThreadCall& call, TextWriter* text) {
  enum FirstArgument { kOther, kAddress, kDescriptor };
  static constexpr struct {
    int number;
    const char* name;
    FirstArgument first;
  } kCalls[] = {
      {SYS_futex, "futex", kAddress},
      {SYS_epoll_wait, "epoll_wait", kDescriptor},
      {SYS_epoll_pwait, "epoll_pwait", kDescriptor},
      {SYS_epoll_pwait2, "epoll_pwait2", kDescriptor},
      {SYS_poll, "poll", kOther},
      {SYS_ppoll, "ppoll", kOther},
      {SYS_select, "select", kOther},
      {SYS_pselect6, "pselect6", kOther},
      {SYS_read, "read", kDescriptor},
      {SYS_readv, "readv", kDescriptor},
      {SYS_pread64, "pread64", kDescriptor},
      {SYS_write, "write", kDescriptor},
      {SYS_writev, "writev", kDescriptor},
      {SYS_pwrite64, "pwrite64", kDescriptor},
      {SYS_nanosleep, "nanosleep", kOther},
      {SYS_clock_nanosleep, "clock_nanosleep", kOther},
      {SYS_restart_syscall, "restart_syscall", kOther},
      {SYS_accept, "accept", kDescriptor},
      {SYS_accept4, "accept4", kDescriptor},
      {SYS_connect, "connect", kDescriptor},
      {SYS_recvfrom, "recvfrom", kDescriptor},
      {SYS_recvmsg, "recvmsg", kDescriptor},
      {SYS_recvmmsg, "recvmmsg", kDescriptor},
      {SYS_sendto, "sendto", kDescriptor},
      {SYS_sendmsg, "sendmsg", kDescriptor},
      {SYS_sendfile, "sendfile", kOther},
      {SYS_splice, "splice", kOther},
      {SYS_wait4, "wait4", kOther},
      {SYS_waitid, "waitid", kOther},
      {SYS_pause, "pause", kOther},
      {SYS_rt_sigtimedwait, "rt_sigtimedwait", kOther},
      {SYS_rt_sigsuspend, "rt_sigsuspend", kOther},
      {SYS_flock, "flock", kDescriptor},
      {SYS_fcntl, "fcntl", kDescriptor},
      {SYS_fsync, "fsync", kDescriptor},
      {SYS_fdatasync, "fdatasync", kDescriptor},
      {SYS_openat, "openat", kOther},
      {SYS_open, "open", kOther},
      {SYS_io_getevents, "io_getevents", kOther},
      {SYS_io_uring_enter, "io_uring_enter", kDescriptor},
      {SYS_semop, "semop", kOther},
      {SYS_semtimedop, "semtimedop", kOther},
      {SYS_msgrcv, "msgrcv", kOther},
      {SYS_msgsnd, "msgsnd", kOther},
      {SYS_mq_timedreceive, "mq_timedreceive", kOther},
      {SYS_mq_timedsend, "mq_timedsend", kOther},
      {SYS_vfork, "vfork", kOther},
      {SYS_clone, "clone", kOther},
      {SYS_clone3, "clone3", kOther},
      {SYS_fork, "fork", kOther},
      {SYS_execve, "execve", kOther},
      {SYS_mmap, "mmap", kOther},
      {SYS_munmap, "munmap", kOther},
      {SYS_mprotect, "mprotect", kOther},
      {SYS_madvise, "madvise", kOther},
      {SYS_sched_yield, "sched_yield", kOther},
      {SYS_ioctl, "ioctl", kDescriptor},
  };
  for (const auto& known : kCalls) {
    if (known.number != call.number) continue;
    text->Str(known.name);
    if (known.first == kAddress) text->Str(" 0x").Hex(call.argument);
    if (known.first == kDescriptor) text->Str(" fd ").Dec(static_cast<int>(call.argument));
    return;
  }
  text->Str("system call ").Dec(call.number);
}

}  // namespace heapprof
