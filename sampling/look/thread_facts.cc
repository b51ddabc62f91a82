// SPDX-License-Identifier: Apache-2.0
#include "sampling/look/thread_facts.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/older_libc.h"
#include "base/system/raw_syscall.h"

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
  constexpr int kFieldsToProcessor = 36;  // from the state on
  *facts = ThreadFacts{"", 'X', -1};
  char line[512];
  if (!folder.Read(tid, "stat", line, sizeof(line))) return false;
  const char* name = strchr(line, '(');
  const char* end = strrchr(line, ')');  // a name may have any of these in it
  if (name == nullptr || end == nullptr || end < name || end[1] != ' ') return false;
  const auto size = static_cast<size_t>(end - ++name);
  memcpy(facts->name, name, size < kThreadNameSize ? size : kThreadNameSize - 1);
  facts->name[size < kThreadNameSize ? size : kThreadNameSize - 1] = '\0';
  facts->letter = end[2];
  const char* field = end + 2;
  for (int i = 0; i < kFieldsToProcessor && field != nullptr; ++i) field = strchr(field + 1, ' ');
  if (field != nullptr) facts->processor = static_cast<int>(TakeNumber(&++field));
  return true;
}

namespace {

// What the kernel tells of a thread's scheduling: milliseconds, and six digits behind the point. -1: it does
// not.
int64_t LastRanIn(const char* text) {
  constexpr int64_t kNanosPerMilli = 1'000'000;
  const char* at = ValueOf(text, "\nse.exec_start");
  if (at == nullptr) return -1;
  const auto millis = static_cast<int64_t>(TakeNumber(&at));
  if (*at++ != '.') return -1;
  return millis * kNanosPerMilli + static_cast<int64_t>(TakeNumber(&at));
}

}  // namespace

int64_t ReadLastRan(const TaskFolder& folder, int tid) {
  char text[1024];
  return folder.Read(tid, "sched", text, sizeof(text)) ? LastRanIn(text) : -1;
}

ProcessorClocks::ProcessorClocks() : since_(RawMonotonicNanos()) {
  const long got = RawSyscall(SYS_sched_getaffinity, 0, sizeof(mask_), reinterpret_cast<long>(mask_));
  mask_bytes_ = got > 0 ? static_cast<size_t>(got) : 0;
}

ProcessorClocks::~ProcessorClocks() {
  if (count_ == 0 || mask_bytes_ == 0) return;
  RawSyscall(SYS_sched_setaffinity, 0, static_cast<long>(mask_bytes_), reinterpret_cast<long>(mask_));
}

int64_t ProcessorClocks::Behind(int processor) {
  for (int i = 0; i < count_; ++i) {
    if (clocks_[i].processor == processor) return clocks_[i].behind;
  }
  constexpr int kBits = 64;
  const bool fits = processor >= 0 && static_cast<size_t>(processor) < mask_bytes_ * 8;
  if (!fits || count_ == kMax || RawMonotonicNanos() - since_ > kPatience) return kUnknown;
  Clock* clock = &clocks_[count_++];
  *clock = {processor, kUnknown};
  uint64_t only[sizeof(mask_) / sizeof(mask_[0])] = {};
  only[processor / kBits] = uint64_t{1} << (processor % kBits);
  if (RawSyscall(SYS_sched_setaffinity, 0, static_cast<long>(mask_bytes_), reinterpret_cast<long>(only)) !=
      0) {
    return kUnknown;
  }
  // It has just begun to run here.
  char text[1024];
  const int fd = RawOpen("/proc/self/sched", O_RDONLY | O_CLOEXEC, 0);
  const int64_t now = RawMonotonicNanos();
  const ssize_t got = fd < 0 ? -1 : RawRead(fd, text, sizeof(text) - 1);
  if (fd >= 0) RawClose(fd);
  text[got > 0 ? got : 0] = '\0';
  const int64_t here = LastRanIn(text);
  if (here >= 0) clock->behind = now - here;
  return clock->behind;
}

void AppendCall(const ThreadCall& call, TextWriter* text) {
  enum FirstArgument { kOther, kAddress, kDescriptor };
  static constexpr struct {
    const char* name;
    int number;
    FirstArgument first;
  } kCalls[] = {
      {"futex", SYS_futex, kAddress},
#ifdef SYS_poll  // architectures that came later have but the calls that can do more
      {"epoll_wait", SYS_epoll_wait, kDescriptor},
      {"poll", SYS_poll, kOther},
      {"select", SYS_select, kOther},
      {"pause", SYS_pause, kOther},
      {"open", SYS_open, kOther},
      {"vfork", SYS_vfork, kOther},
      {"fork", SYS_fork, kOther},
#endif
      {"epoll_pwait", SYS_epoll_pwait, kDescriptor},
      {"epoll_pwait2", SYS_epoll_pwait2, kDescriptor},
      {"ppoll", SYS_ppoll, kOther},
      {"pselect6", SYS_pselect6, kOther},
      {"read", SYS_read, kDescriptor},
      {"readv", SYS_readv, kDescriptor},
      {"pread64", SYS_pread64, kDescriptor},
      {"write", SYS_write, kDescriptor},
      {"writev", SYS_writev, kDescriptor},
      {"pwrite64", SYS_pwrite64, kDescriptor},
      {"nanosleep", SYS_nanosleep, kOther},
      {"clock_nanosleep", SYS_clock_nanosleep, kOther},
      {"restart_syscall", SYS_restart_syscall, kOther},
      {"accept", SYS_accept, kDescriptor},
      {"accept4", SYS_accept4, kDescriptor},
      {"connect", SYS_connect, kDescriptor},
      {"recvfrom", SYS_recvfrom, kDescriptor},
      {"recvmsg", SYS_recvmsg, kDescriptor},
      {"recvmmsg", SYS_recvmmsg, kDescriptor},
      {"sendto", SYS_sendto, kDescriptor},
      {"sendmsg", SYS_sendmsg, kDescriptor},
      {"sendfile", SYS_sendfile, kOther},
      {"splice", SYS_splice, kOther},
      {"wait4", SYS_wait4, kOther},
      {"waitid", SYS_waitid, kOther},
      {"rt_sigtimedwait", SYS_rt_sigtimedwait, kOther},
      {"rt_sigsuspend", SYS_rt_sigsuspend, kOther},
      {"flock", SYS_flock, kDescriptor},
      {"fcntl", SYS_fcntl, kDescriptor},
      {"fsync", SYS_fsync, kDescriptor},
      {"fdatasync", SYS_fdatasync, kDescriptor},
      {"openat", SYS_openat, kOther},
      {"io_getevents", SYS_io_getevents, kOther},
      {"io_uring_enter", SYS_io_uring_enter, kDescriptor},
      {"semop", SYS_semop, kOther},
      {"semtimedop", SYS_semtimedop, kOther},
      {"msgrcv", SYS_msgrcv, kOther},
      {"msgsnd", SYS_msgsnd, kOther},
      {"mq_timedreceive", SYS_mq_timedreceive, kOther},
      {"mq_timedsend", SYS_mq_timedsend, kOther},
      {"clone", SYS_clone, kOther},
      {"clone3", SYS_clone3, kOther},
      {"execve", SYS_execve, kOther},
      {"mmap", SYS_mmap, kOther},
      {"munmap", SYS_munmap, kOther},
      {"mprotect", SYS_mprotect, kOther},
      {"madvise", SYS_madvise, kOther},
      {"sched_yield", SYS_sched_yield, kOther},
      {"ioctl", SYS_ioctl, kDescriptor},
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
