// SPDX-License-Identifier: Apache-2.0
#include "http/server_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>

#include <new>

#include "base/lock/futex.h"
#include "base/older_libc.h"
#include "base/system/own_thread.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "sampling/stop/process_rights.h"
#include "sampling/stop/thread_descriptor.h"
#include "sampling/stop/traced_thread.h"

namespace heapprof::http {
namespace {

constexpr size_t kStackBytes = 256 << 10, kPage = 4096, kSpareTls = 64 << 10;
constexpr int kStderr = 2;
// Above those that 0 to 2 are put in place of.
constexpr int kFirstFree = 3;
// Nobody's, and one of those for which the kernel needs no room in a queue.
constexpr int kWakeSignal = SIGSTKFLT;

long Pointer(const void* pointer) { return reinterpret_cast<long>(pointer); }

size_t Rounded(size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

// A table of descriptors of its own, if this is none yet, with `kept` alone in it; -1: with none. 0 or
// -errno.
int LeaveDescriptors(int kept, bool is_own) {
  constexpr long kLast = ~0u;
  // What is closed is not copied before.
  if (is_own || RawSyscall(SYS_close_range, kept + 1, kLast, CLOSE_RANGE_UNSHARE) != 0) {
    // A kernel before 5.9.
    const long error = is_own ? 0 : RawSyscall(SYS_unshare, CLONE_FILES);
    if (error != 0) return static_cast<int>(error);
    RawCloseRange(static_cast<unsigned>(kept + 1), ~0u);
  }
  if (kept > 0) RawCloseRange(0, static_cast<unsigned>(kept - 1));
  return 0;
}

// A datagram socket with a name of the kernel's choice, where it is said who sends something.
int MakeNamedSocket(Address* address) {
  const auto fd =
      static_cast<int>(RawSyscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd < 0) return fd;
  const int on = 1;
  RawSyscall(SYS_setsockopt, fd, SOL_SOCKET, SO_PASSCRED, Pointer(&on), sizeof(on));
  memset(address, 0, sizeof(*address));
  address->any.sa_family = AF_UNIX;
  // Without a path the kernel gives a name.
  long error = RawSyscall(SYS_bind, fd, Pointer(&address->any), sizeof(sa_family_t));
  address->size = sizeof(address->local);
  if (error == 0) error = RawSyscall(SYS_getsockname, fd, Pointer(&address->any), Pointer(&address->size));
  if (error == 0) return fd;
  RawClose(fd);
  return static_cast<int>(error);
}

// What comes along with a datagram: who sent it, as the kernel knows, and a descriptor.
constexpr size_t kRightsAt = CMSG_SPACE(sizeof(ucred));
union ControlSpace {
  cmsghdr header;
  char bytes[kRightsAt + CMSG_SPACE(sizeof(int))];
};

void SendDescriptor(int descriptor, const Address& to) {
  const auto socket = static_cast<int>(RawSyscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket < 0) return;
  char byte = 0;
  iovec piece = {&byte, 1};
  ControlSpace space = {};
  msghdr message = {};
  message.msg_name = const_cast<sockaddr*>(&to.any);
  message.msg_namelen = to.size;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = &space;
  message.msg_controllen = CMSG_SPACE(sizeof(int));
  space.header.cmsg_level = SOL_SOCKET;
  space.header.cmsg_type = SCM_RIGHTS;
  space.header.cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(&space.header), &descriptor, sizeof(int));
  RawSyscall(SYS_sendmsg, socket, Pointer(&message), MSG_NOSIGNAL | MSG_DONTWAIT);
  RawClose(socket);
}

// The descriptor that this process sent to `socket`; -1: none. What others sent there is passed over.
int ReceiveDescriptor(int socket) {
  for (;;) {
    char byte;
    iovec piece = {&byte, 1};
    ControlSpace space = {};
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = &space;
    message.msg_controllen = sizeof(space);
    if (RawSyscall(SYS_recvmsg, socket, Pointer(&message), MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0) return -1;
    cmsghdr rights;
    memcpy(&rights, space.bytes + kRightsAt, sizeof(rights));
    if (message.msg_controllen <= kRightsAt || rights.cmsg_type != SCM_RIGHTS) continue;
    int descriptor = -1;
    memcpy(&descriptor, space.bytes + kRightsAt + CMSG_LEN(0), sizeof(descriptor));
    ucred sender = {};
    memcpy(&sender, CMSG_DATA(&space.header), sizeof(sender));
    if (space.header.cmsg_type == SCM_CREDENTIALS && sender.pid == RawGetPid()) return descriptor;
    RawClose(descriptor);
  }
}

// The kernel clears a thread's id before it takes the thread out of the process and closes its descriptors. A
// debugger may keep what is left of it.
void WaitUntilGone(int tid, int64_t until) {
  constexpr timespec kAMoment = {0, 20'000};
  while (tid != 0 && RawSyscall(SYS_tgkill, RawGetPid(), tid, 0) == 0 && RawMonotonicNanos() < until) {
    RawSyscall(SYS_nanosleep, Pointer(&kAMoment), 0);
  }
}

}  // namespace

int ServerThread::Start(const Address& address, int listener) {
  const size_t spare = StaticTlsSize() != 0 ? 0 : kSpareTls;
  const AddressRange needs = ThreadMemoryOf(0);
  const size_t thread_pointer = kPage + kStackBytes + Rounded(0 - needs.start + spare + kPage);
  const size_t loop = thread_pointer + Rounded(needs.end + spare + kPage);
  bytes_ = loop + Rounded(sizeof(ServerLoop));
  memory_ = static_cast<char*>(RawMap(bytes_));
  if (memory_ == nullptr) return -ENOMEM;
  RawSyscall(SYS_mprotect, Pointer(memory_), kPage, PROT_NONE);  // a stack that is too small faults
  MakeControlBlock(memory_ + thread_pointer);
  loop_ = new (memory_ + loop) ServerLoop;
  address_ = address;
  given_ = listener;
  listener_ = control_ = status_ = -1;
  outlived_ = false;
  ending_.store(false, std::memory_order_relaxed);
  has_own_table_ = false;
  int error = StartThread(memory_ + thread_pointer);
  if (error == -EPERM || error == -ENOSYS) {
    // A container's filter may refuse unshare.
    has_own_table_ = true;
    error = StartThread(memory_ + thread_pointer);
  }
  if (error == 0) return 0;
  RawUnmap(memory_, bytes_);
  memory_ = nullptr;
  return error;
}

int ServerThread::StartThread(void* thread_pointer) {
  error_ = 0;
  phase_.store(kStarting, std::memory_order_relaxed);
  constexpr long kFlags = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS |
                          CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  const int tid = CloneOnStack(has_own_table_ ? kFlags : kFlags | CLONE_FILES, memory_ + kPage + kStackBytes,
                               thread_pointer, &g_own_thread, Run, this);
  if (tid < 0) return tid;
  constexpr int64_t kLookAgain = 20'000'000;
  while (HasOwnThread() && phase_.load(std::memory_order_acquire) == kStarting) {
    FutexWait(&phase_, kStarting, kLookAgain);
  }
  if (phase_.load(std::memory_order_acquire) == kServing) return 0;
  while (const int alive = g_own_thread.load(std::memory_order_acquire)) {
    FutexWaitForEnd(&g_own_thread, alive, kLookAgain);
  }
  return error_ != 0 ? error_ : -EPERM;
}

int ServerThread::End() {
  constexpr int64_t kAgain = 2'000'000, kPatience = 5'000'000'000;
  const int socket = MakeNamedSocket(&reply_);
  if (socket < 0) reply_.size = 0;
  // release: where the answer is to go.
  ending_.store(true, std::memory_order_release);
  const int64_t until = RawMonotonicNanos() + kPatience;
  const int tid = g_own_thread.load(std::memory_order_acquire);
  while (const int alive = g_own_thread.load(std::memory_order_acquire)) {
    if (RawMonotonicNanos() > until) {
      if (socket >= 0) RawClose(socket);
      return kStuck;
    }
    RawSyscall(SYS_tgkill, RawGetPid(), alive, kWakeSignal);
    FutexWaitForEnd(&g_own_thread, alive, kAgain);
  }
  WaitUntilGone(tid, until);
  RawUnmap(memory_, bytes_);
  memory_ = nullptr;
  if (socket < 0) return kLost;
  const int listener = ReceiveDescriptor(socket);
  RawClose(socket);
  return listener < 0 ? kLost : listener;
}

void ServerThread::Forget() {
  g_own_thread.store(0, std::memory_order_relaxed);
  if (memory_ != nullptr) RawUnmap(memory_, bytes_);
  memory_ = nullptr;
}

// From here on in the thread.

void ServerThread::Run(void* self) {
  auto* thread = static_cast<ServerThread*>(self);
  NoteOwnThreadId(RawGetTid());
  RawSyscall(SYS_prctl, PR_SET_NAME, Pointer("heapprof-http"));
  thread->error_ = thread->Prepare();
  const bool serves = thread->error_ == 0;
  // release: the error, and where it listens.
  thread->phase_.store(serves ? kServing : kFailed, std::memory_order_release);
  FutexWakeAll(&thread->phase_);
  if (serves) {
    thread->loop_->Run(thread->listener_, thread->control_, thread->address_.IsLoopback(),
                       {thread, [](void* self) { return static_cast<ServerThread*>(self)->LooksAtControl(); },
                        [](void* self) { return static_cast<ServerThread*>(self)->BeginAnswer(); },
                        [](void* self) { static_cast<ServerThread*>(self)->EndAnswer(); }});
  }
  // The kernel closes the descriptors, and says so where g_own_thread is.
  RawSyscall(SYS_exit, 0);
}

int ServerThread::Prepare() {
  if (int error = LeaveDescriptors(given_, has_own_table_)) return error;
  if (given_ >= 0) {
    const long moved = RawSyscall(SYS_fcntl, given_, F_DUPFD_CLOEXEC, kFirstFree);
    if (moved < 0) return static_cast<int>(moved);
    RawClose(given_);
    listener_ = static_cast<int>(moved);
  }
  const uint64_t wake = uint64_t{1} << (kWakeSignal - 1);
  const long control =
      RawSyscall(SYS_signalfd4, -1, Pointer(&wake), sizeof(wake), SFD_CLOEXEC | SFD_NONBLOCK);
  if (control < 0) return static_cast<int>(control);
  control_ = static_cast<int>(RawSyscall(SYS_fcntl, control, F_DUPFD_CLOEXEC, kFirstFree));
  if (control_ < 0) return control_;
  // No socket of a client's gets the number of stderr: what is written there now goes nowhere.
  for (int fd = 0; fd < kFirstFree; ++fd) {
    if (fd != control) RawSyscall(SYS_dup3, control, fd, O_CLOEXEC);
  }
  if (control >= kFirstFree) RawClose(static_cast<int>(control));
  status_ = RawOpen("/proc/self/status", O_RDONLY | O_CLOEXEC, 0);
  rights_ = HashOfRights(status_);
  if (listener_ >= 0) return 0;
  listener_ = Listen(&address_, &file_);
  return listener_ < 0 ? listener_ : 0;
}

// Whether no thread of the program wants the end.
bool ServerThread::LooksAtControl() {
  if (outlived_) return false;
  // Whoever else sends the signal only has the thread look.
  signalfd_siginfo sent;
  RawSyscall(SYS_read, control_, Pointer(&sent), sizeof(sent));
  // acquire: where it is to be answered.
  if (!ending_.load(std::memory_order_acquire)) return true;
  if (reply_.size != 0) SendDescriptor(listener_, reply_);
  return false;
}

// While an answer is made, what is said goes to the program's stderr, whatever that is now. In between it is
// not held open. False: the program has changed its rights where nobody saw it.
bool ServerThread::BeginAnswer() {
#if defined(SYS_pidfd_open) && defined(SYS_pidfd_getfd)
  const long process = RawSyscall(SYS_pidfd_open, RawGetPid(), 0);
  const long copy = process < 0 ? process : RawSyscall(SYS_pidfd_getfd, process, kStderr, 0);
  if (process >= 0) RawClose(static_cast<int>(process));
  if (copy >= 0) {
    RawSyscall(SYS_dup3, copy, kStderr, O_CLOEXEC);
    RawClose(static_cast<int>(copy));
  }
#endif
  if (rights_ == HashOfRights(status_)) return true;
  Say("the program changed its rights past libc: HTTP ends here");
  EndAnswer();
  outlived_ = true;
  return false;
}

void ServerThread::EndAnswer() { RawSyscall(SYS_dup3, control_, kStderr, O_CLOEXEC); }

}  // namespace heapprof::http
