// SPDX-License-Identifier: Apache-2.0
#include "sampling/wall/watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <new>

#include "base/hash.h"
#include "base/lock/futex.h"
#include "base/older_libc.h"
#include "base/system/raw_syscall.h"
#include "sampling/look/fault_guard.h"
#include "sampling/stop/process_rights.h"
#include "sampling/stop/thread_table.h"
#include "sampling/stop/tracer_process.h"
#include "sampling/wall/watcher_process.h"

namespace heapprof::wall {
namespace {

constexpr size_t kStackBytes = 256 << 10;
// Below the thread pointer and above it, besides what the library's own variables need.
constexpr size_t kThreadBytes = 64 << 10, kPage = 4096;
constexpr int64_t kSecond = 1'000'000'000;
constexpr size_t kFilesForOthers = 64;

long Address(const void* pointer) { return reinterpret_cast<long>(pointer); }

void Handle(int number, void (*handler)(int, siginfo_t*, void*)) {
  KernelSigaction action = StopAction(handler);
  action.flags &= ~static_cast<unsigned long>(SA_RESTART | SA_ONSTACK);
  RawSyscall(SYS_rt_sigaction, number, Address(&action), 0, sizeof(action.mask));
}

void CloseAllBut(int kept) {
  const auto fd = static_cast<unsigned>(kept);
  if (fd > 0) RawCloseRange(0, fd - 1);
  RawCloseRange(fd + 1, ~0u);
}

// On a busy machine a tick that waits for the threads which compute to have had their turns comes when they
// wait: it would tell too much of waiting. Who asks for short turns is let in before others (from Linux 6.12
// on).
void AskForShortTurns() {
  struct Attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {};
  constexpr uint64_t kTurn = 100'000;
  if (RawSyscall(SYS_sched_getattr, 0, Address(&attributes), sizeof(attributes), 0) != 0) return;
  if (attributes.policy != 0) return;  // SCHED_OTHER
  attributes.size = sizeof(attributes);
  attributes.flags = 0;
  attributes.runtime = kTurn;
  RawSyscall(SYS_sched_setattr, 0, Address(&attributes), 0);
}

}  // namespace

int Watcher::Start(WallSession* session) {
  if (!ChildrenShareNamespace()) return -EPERM;
  session_ = session;
  const size_t below = static_cast<size_t>(session->layout.stack < 0 ? -session->layout.stack : 0);
  thread_pointer_ = kStackBytes + (below + kThreadBytes + kPage - 1) / kPage * kPage;
  const size_t thread_end = thread_pointer_ + kThreadBytes;
  bytes_ = thread_end + kPage;
  memory_ = static_cast<char*>(RawMap(bytes_));
  if (memory_ == nullptr) return -ENOMEM;
  static_assert(sizeof(TaskFolder) <= kPage);
  folder_ = new (memory_ + thread_end) TaskFolder();
  error_ = folder_->Open();
  if (error_ == 0) {
    phase_.store(kStarting, std::memory_order_relaxed);
    process_ = CloneWatcher(memory_ + kStackBytes, memory_ + thread_pointer_, &alive_, Run, this);
    error_ = process_ < 0 ? process_ : 0;
  }
  if (error_ != 0) {
    folder_->~TaskFolder();
    RawUnmap(memory_, bytes_);
    memory_ = nullptr;
    return error_;
  }
  if (TracersAreNamed()) RawSyscall(SYS_prctl, PR_SET_PTRACER, process_);
  phase_.store(kGo, std::memory_order_release);
  FutexWakeAll(&phase_);
  // Until it has closed what it has of our descriptors: who closes one of them after this is the last.
  constexpr int64_t kLookAgain = 20'000'000;
  while (alive() && phase_.load(std::memory_order_acquire) == kGo) FutexWait(&phase_, kGo, kLookAgain);
  RawClose(folder_->descriptor());
  if (phase_.load(std::memory_order_acquire) == kWatching) return 0;
  const int error = error_ != 0 ? error_ : -EPERM;  // it was killed, by a sandbox
  End();
  return error;
}

// Somebody may have stopped it, as those do who stop all processes of a user or of a container, and have let
// only the program go on.
void Watcher::WakeUp() {
  RawSyscall(SYS_kill, process_, SIGCHLD);
  RawSyscall(SYS_kill, process_, SIGCONT);
}

void Watcher::End() {
  if (memory_ == nullptr) return;
  phase_.store(kEnding, std::memory_order_release);
  WakeUp();
  // With a limit, as the signal may have come just before it slept, and as it may have other rights than this
  // process by now.
  constexpr int64_t kSignalAgain = 2'000'000;
  while (int process = alive_.load(std::memory_order_acquire)) {
    FutexWaitForEnd(&alive_, process, kSignalAgain);
    WakeUp();
  }
  // A thread of the program that waits for all kinds of children may have been faster.
  while (RawSyscall(SYS_wait4, process_, 0, __WALL, 0) == -EINTR) {
  }
  RawUnmap(memory_, bytes_);
  memory_ = nullptr;
}

void Watcher::Forget() {
  alive_.store(0, std::memory_order_relaxed);
  if (memory_ != nullptr) RawUnmap(memory_, bytes_);
  memory_ = nullptr;
}

// From here on in the watcher.

void Watcher::Run(void* self) {
  auto* watcher = static_cast<Watcher*>(self);
  while (watcher->phase_.load(std::memory_order_acquire) == kStarting) {
    FutexWait(&watcher->phase_, kStarting, 0);
  }
  if (watcher->Prepare()) {
    uint32_t go = kGo;
    watcher->phase_.compare_exchange_strong(go, kWatching, std::memory_order_acq_rel);
    FutexWakeAll(&watcher->phase_);
    watcher->Watch();
  } else {
    FutexWakeAll(&watcher->phase_);
  }
  // Whom it still traces the kernel sets free, and it closes the descriptors.
  watcher->folder_->~TaskFolder();
}

bool Watcher::Prepare() {
  const int folder = folder_->descriptor();
  CloseAllBut(folder);
  RawSyscall(SYS_prctl, PR_SET_NAME, Address("heapprof-wall"));
  // What stops a group of processes does not stop it: it may hold a thread.
  RawSyscall(SYS_setpgid, 0, 0);
  AskForShortTurns();
  seized_ = files_ = asked_by_signal_ = 0;
  any_told_ = false;
  cpu_ = -1;
  moved_ = 0;
  next_list_ = rights_seen_ = 0;
  rlimit limit = {};
  RawSyscall(SYS_getrlimit, RLIMIT_NOFILE, Address(&limit));
  limit.rlim_cur = limit.rlim_max;
  RawSyscall(SYS_setrlimit, RLIMIT_NOFILE, Address(&limit));
  RawSyscall(SYS_getrlimit, RLIMIT_NOFILE, Address(&limit));
  constexpr rlim_t kMaxFiles = 8192;  // each holds a page in the kernel
  const rlim_t files = limit.rlim_cur < kMaxFiles ? limit.rlim_cur : kMaxFiles;
  max_files_ = files > kFilesForOthers ? files - kFilesForOthers : 0;
  Handle(SIGCHLD, OnChild);
  FaultGuard<GuardedProcess::kWatcher>::CatchFaults();
  session_->threads.ForEach([](WatchedThread* thread) {
    thread->files = -1;  // another watcher's
    thread->seized = thread->walks_itself = thread->told = false;
    thread->stamp.runs = ~uint64_t{0};
  });
#ifdef SYS_pidfd_open
  program_ = static_cast<int>(RawSyscall(SYS_pidfd_open, session_->pid, 0));
#endif
  status_ = static_cast<int>(RawSyscall(SYS_openat, folder, Address("../status"), O_RDONLY | O_CLOEXEC, 0));
  if (status_ < 0) {
    error_ = status_;
    return false;
  }
  stat_ = static_cast<int>(RawSyscall(SYS_openat, folder, Address("../stat"), O_RDONLY | O_CLOEXEC, 0));
  stopped_ = false;
  rights_ = HashOfRights(status_);
  session_->watcher.store(static_cast<int>(RawSyscall(SYS_getpid)), std::memory_order_relaxed);
  session_->by_signal.store(!MayTrace(), std::memory_order_relaxed);
  return ProgramGoesOn();
}

void Watcher::Watch() {
  uint64_t n = session_->ticks.Due(RawMonotonicNanos()), block = 1, chosen = n;
  while (phase_.load(std::memory_order_acquire) != kEnding) {
    if (seized_ != 0) CollectStopped(n);
    woken_ = RawMonotonicNanos();
    const int64_t time = session_->ticks.At(chosen);
    if (woken_ < time) {
      Sleep(time);
      if (!ProgramGoesOn()) return;
      continue;
    }
    const uint64_t due = session_->ticks.Due(woken_);
    if (due > n + block) session_->late += due - n - block;
    n = due > n + block ? due : n + block;
    session_->last_tick = n;
    Tick(n);
    if (session_->rights_changed.load(std::memory_order_relaxed)) return;
    block = BlockAt(n);
    chosen = n + MixBits(session_->nonce + n * kGoldenRatio) % block;
  }
}

// While no thread runs there is nothing to see. Then ticks are taken together, in blocks with one look each
// as in watched_threads.h: for a quarter of the time for which that has been so, and for a tenth of a second
// at most.
uint64_t Watcher::BlockAt(uint64_t n) const {
  constexpr int64_t kLongest = 100'000'000;
  const auto most = static_cast<uint64_t>(kLongest / session_->ticks.period());
  const uint64_t quiet = (n - moved_) / 4;
  return 1 + (quiet < most ? quiet : most);
}

bool Watcher::ProgramGoesOn() { return RawSyscall(SYS_getppid) == session_->pid; }

// Until the time, the end of the program, the stop of a thread or the end of the profile.
void Watcher::Sleep(int64_t until) {
  const int64_t left = until - RawMonotonicNanos();
  if (left <= 0) return;
  timespec time = {left / kSecond, left % kSecond};
  pollfd program = {program_, POLLIN, 0};
  const uint64_t mask = ~(uint64_t{1} << (SIGCHLD - 1));
  RawSyscall(SYS_ppoll, Address(&program), program_ >= 0 ? 1 : 0, Address(&time), Address(&mask),
             sizeof(mask));
}

// A stop is one of all threads, by which each of them has run.
bool Watcher::IsProgramStopped() const {
  char text[512];
  const ssize_t got = stat_ < 0 ? -1 : RawPread(stat_, text, sizeof(text) - 1, 0);
  if (got <= 0) return false;
  text[got] = '\0';
  const char* name_end = strrchr(text, ')');
  return name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'T';
}

// Other threads may have other rights only by system calls past libc. And the same memory: it may have called
// exec past libc.
bool Watcher::HasSameRights() {
  constexpr int64_t kLookAgain = 20'000'000;
  if (woken_ - rights_seen_ < kLookAgain) return true;
  rights_seen_ = woken_;
  uint64_t nonce = 0;
  iovec local = {&nonce, sizeof(nonce)}, remote = {&session_->nonce, sizeof(nonce)};
  const long got =
      RawSyscall(SYS_process_vm_readv, session_->pid, Address(&local), 1, Address(&remote), 1, 0);
  if (got == -EFAULT || (got == sizeof(nonce) && nonce != session_->nonce)) return false;
  return HashOfRights(status_) == rights_;
}

void Watcher::Tick(uint64_t n) {
  constexpr int kProcessClock = 2;
  const auto clock = static_cast<int>(~static_cast<unsigned>(session_->pid) << 3 | kProcessClock);
  timespec time = {};
  if (RawSyscall(SYS_clock_gettime, clock, Address(&time)) == 0) {
    const int64_t cpu = int64_t{time.tv_sec} * kSecond + time.tv_nsec;
    if (cpu != cpu_) moved_ = n;
    cpu_ = cpu;
  } else {
    moved_ = n;
  }
  if (moved_ == n && !HasSameRights()) {
    session_->rights_changed.store(true, std::memory_order_relaxed);
    return;
  }
  if (moved_ == n) {
    stopped_ = IsProgramStopped();
    FindThreads(n);
  }
  session_->threads.ForEachDue(n, [this, n](WatchedThread* thread) { Look(thread, n); });
  // Before the next tick. Who has not stopped by then is asked no more, and tells when it stops.
  const int64_t until = session_->ticks.At(n);
  CollectStopped(n);
  while (seized_ != 0 && RawMonotonicNanos() < until && phase_.load(std::memory_order_relaxed) != kEnding) {
    Sleep(until);
    CollectStopped(n);
  }
}

}  // namespace heapprof::wall
