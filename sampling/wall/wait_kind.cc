// SPDX-License-Identifier: Apache-2.0
#include "sampling/wall/wait_kind.h"

#include <sys/syscall.h>

namespace heapprof::wall {

const char* NameOf(WaitKind kind) {
  switch (kind) {
    case WaitKind::kRunning:
      return nullptr;
    case WaitKind::kProcessor:
      return "processor";
    case WaitKind::kMemory:
      return "memory";
    case WaitKind::kStopped:
      return "stopped";
    case WaitKind::kLock:
      return "lock";
    case WaitKind::kSleep:
      return "sleep";
    case WaitKind::kPoll:
      return "poll";
    case WaitKind::kRead:
      return "read";
    case WaitKind::kWrite:
      return "write";
    case WaitKind::kReceive:
      return "receive";
    case WaitKind::kSend:
      return "send";
    case WaitKind::kAccept:
      return "accept";
    case WaitKind::kConnect:
      return "connect";
    case WaitKind::kChild:
      return "child";
    case WaitKind::kSignal:
      return "signal";
    case WaitKind::kFile:
      return "file";
    case WaitKind::kQueue:
      return "queue";
    case WaitKind::kRing:
      return "io ring";
    case WaitKind::kOther:
      return "other";
  }
  return "other";
}

WaitKind KindOfCall(long number) {
  switch (number) {
    case -1:
      return WaitKind::kMemory;
    case SYS_futex:
#ifdef SYS_futex_waitv
    case SYS_futex_waitv:
#endif
      return WaitKind::kLock;
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
      return WaitKind::kSleep;
#ifdef SYS_poll
    case SYS_poll:
    case SYS_select:
    case SYS_epoll_wait:
#endif
    case SYS_ppoll:
    case SYS_pselect6:
    case SYS_epoll_pwait:
#ifdef SYS_epoll_pwait2
    case SYS_epoll_pwait2:
#endif
      return WaitKind::kPoll;
    case SYS_read:
    case SYS_readv:
    case SYS_pread64:
    case SYS_preadv:
    case SYS_preadv2:
    case SYS_splice:
    case SYS_getdents64:
      return WaitKind::kRead;
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_pwritev2:
    case SYS_sendfile:
    case SYS_copy_file_range:
      return WaitKind::kWrite;
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
      return WaitKind::kReceive;
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
      return WaitKind::kSend;
    case SYS_accept:
    case SYS_accept4:
      return WaitKind::kAccept;
    case SYS_connect:
      return WaitKind::kConnect;
    case SYS_wait4:
    case SYS_waitid:
#ifdef SYS_vfork
    case SYS_vfork:
#endif
    case SYS_clone:
      return WaitKind::kChild;
#ifdef SYS_pause
    case SYS_pause:
#endif
    case SYS_rt_sigtimedwait:
    case SYS_rt_sigsuspend:
      return WaitKind::kSignal;
    case SYS_openat:
    case SYS_flock:
    case SYS_fcntl:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_sync_file_range:
    case SYS_msync:
    case SYS_close:
      return WaitKind::kFile;
    case SYS_msgrcv:
    case SYS_msgsnd:
    case SYS_mq_timedreceive:
    case SYS_mq_timedsend:
    case SYS_semop:
    case SYS_semtimedop:
      return WaitKind::kQueue;
    case SYS_io_getevents:
#ifdef SYS_io_uring_enter
    case SYS_io_uring_enter:
#endif
      return WaitKind::kRing;
    default:
      return WaitKind::kOther;
  }
}

}  // namespace heapprof::wall
