// SPDX-License-Identifier: Apache-2.0
// The threads that the walker has to hold, each for itself.
#include <elf.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "base/lock/futex.h"
#include "base/system/raw_syscall.h"
#include "sampling/look/thread_walker.h"
#include "sampling/look/walk_by_signal.h"
#include "sampling/stop/stop_by_trace.h"
#include "sampling/stop/stop_signal.h"

namespace heapprof {
namespace {

constexpr int64_t kLook = 1'000'000;             // ns between two looks at threads that do not stop
constexpr int64_t kSleeperPatience = 4'000'000;  // for one that sleeps uninterruptibly
constexpr int64_t kTurnRound = 60'000;           // a thread that runs stops within that
constexpr int64_t kNewsPatience = 20'000'000;
constexpr int64_t kPatienceWithOthers = 20'000'000;
constexpr uint64_t kChildSignal = uint64_t{1} << (SIGCHLD - 1);

bool IsTraced(const TaskFolder& folder, int tid) {
  char text[4096];
  if (!folder.Read(tid, "status", text, sizeof(text))) return false;
  const char* at = strstr(text, "\nTracerPid:\t");
  return at != nullptr && at[sizeof("\nTracerPid:\t") - 1] != '0';
}

}  // namespace

void ThreadWalker::Leave(WalkedThread* thread) {
  if (thread == nullptr) {
    all_looked_.store(true, std::memory_order_release);
  } else {
    thread->next_left = left_.load(std::memory_order_relaxed);
    // release: the look before the word of it.
    while (!left_.compare_exchange_weak(thread->next_left, thread, std::memory_order_release,
                                        std::memory_order_relaxed)) {
    }
  }
  news_.fetch_add(1, std::memory_order_release);
  FutexWakeAll(&news_);
}

WalkedThread* ThreadWalker::NextLeft() {
  if (holding_ == nullptr) holding_ = left_.exchange(nullptr, std::memory_order_acquire);
  WalkedThread* thread = holding_;
  if (thread != nullptr) holding_ = thread->next_left;
  return thread;
}

// Until all have been looked at, and those that were left are done.
void ThreadWalker::HoldThoseLeft() {
  waited_ = 0;
  patience_left_ = kPatienceWithOthers;
  holding_ = nullptr;
  asked_count_ = late_ = 0;
  for (Asked& asked : asked_) asked.thread = nullptr;
  for (;;) {
    const uint32_t seen = news_.load(std::memory_order_acquire);
    const bool all = all_looked_.load(std::memory_order_acquire);
    while (asked_count_ < kAtOnce) {
      WalkedThread* thread = NextLeft();
      if (thread == nullptr) break;
      Ask(thread);
    }
    if (asked_count_ == 0) {
      if (holding_ != nullptr) continue;
      if (all) return;
      FutexWait(&news_, seen, kNewsPatience);
      continue;
    }
    if (TakeOne()) continue;
    // Who has gone to sleep may have to wait for a processor again.
    if (!real_time_ && RawMonotonicNanos() - last_asked_ < kTurnRound) continue;
    AwaitStop();
    GiveUpLate();
  }
}

// False: the answer says why. A wall-clock profile may have the thread for a moment; a debugger keeps it.
bool ThreadWalker::Seize(WalkedThread* thread) {
  constexpr int64_t kPause = 100'000;
  constexpr int kUntoldTries = 8;
  for (int untold = 0; Trace(PTRACE_SEIZE, thread->tid, 0, nullptr) != 0;) {
    const TaskFolder::Status status = folder_->StatusOf(thread->tid);
    thread->answer = status.ended()   ? ThreadAnswer::kEnded
                     : status.kernels ? ThreadAnswer::kKernels
                                      : ThreadAnswer::kRefused;
    if (thread->answer != ThreadAnswer::kRefused || patience_left_ <= 0) return false;
    patience_left_ -= kPause;
    if (!IsTraced(*folder_, thread->tid)) {
      // It may have been let go just now.
      if (++untold == kUntoldTries) return false;
      continue;
    }
    // Those that have stopped are not to wait meanwhile.
    while (TakeOne()) {
    }
    const timespec pause = {0, kPause};
    RawSyscall(SYS_nanosleep, reinterpret_cast<long>(&pause), 0);
  }
  return true;
}

void ThreadWalker::Ask(WalkedThread* thread) {
  if (!Seize(thread)) return;
  Trace(PTRACE_INTERRUPT, thread->tid, 0, nullptr);
  for (Asked& asked : asked_) {
    if (asked.thread != nullptr) continue;
    asked = {thread, last_asked_ = RawMonotonicNanos()};
    ++asked_count_;
    return;
  }
}

// False: none has stopped.
bool ThreadWalker::TakeOne() {
  int status = 0;
  const long tid = RawSyscall(SYS_wait4, -1, reinterpret_cast<long>(&status), __WALL | WNOHANG, 0);
  if (tid <= 0) return false;
  for (Asked& asked : asked_) {
    if (asked.thread == nullptr || asked.thread->tid != tid) continue;
    if (WIFSTOPPED(status)) {
      Take(asked.thread, SignalOfStop(status));
    } else {
      asked.thread->answer = ThreadAnswer::kEnded;
    }
    asked.thread = nullptr;
    --asked_count_;
    return true;
  }
  // One that was given up.
  if (WIFSTOPPED(status)) RawSyscall(SYS_ptrace, PTRACE_DETACH, tid, 0, SignalOfStop(status));
  if (late_ > 0) --late_;
  return true;
}

void ThreadWalker::Take(WalkedThread* thread, int signal) {
  TracedRegisters registers;
  if (!ReadTracedRegisters(thread->tid, &registers)) {
    thread->answer = ThreadAnswer::kEnded;  // it was killed meanwhile
    return;
  }
  ucontext_t context = {};
  MakeContext(registers, &context);
  WalkHeldThread(ReadTracedCode(registers).control_block, context, thread);
  thread->system_call = SystemCallOf(registers);
  LetGo(thread->tid, signal, &registers, *folder_);
}

void ThreadWalker::AwaitStop() {
  const timespec limit = {0, kLook};
  RawSyscall(SYS_rt_sigtimedwait, reinterpret_cast<long>(&kChildSignal), 0, reinterpret_cast<long>(&limit),
             sizeof(kChildSignal));
}

bool ThreadWalker::IsPatienceOver(const Asked& asked, int64_t now) {
  const int64_t waited = now - asked.since;
  if (waited < kSleeperPatience && waited_ < kMuchPatience) return false;
  const TaskFolder::Status status = folder_->StatusOf(asked.thread->tid);
  if (status.ended()) asked.thread->answer = ThreadAnswer::kEnded;
  if (status.kernels) asked.thread->answer = ThreadAnswer::kKernels;
  return status.letter == 'D' || status.ended() || status.kernels ||
         waited >= (waited_ < kMuchPatience ? kPatience : kLeastPatience);
}

void ThreadWalker::GiveUpLate() {
  const int64_t now = RawMonotonicNanos();
  for (Asked& asked : asked_) {
    if (asked.thread == nullptr) continue;
    asked.thread->answer = ThreadAnswer::kSilent;
    if (!IsPatienceOver(asked, now)) continue;
    waited_ += now - asked.since;
    asked.thread = nullptr;
    --asked_count_;
    ++late_;
  }
}

}  // namespace heapprof
