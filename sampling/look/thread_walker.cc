// SPDX-License-Identifier: Apache-2.0
#include "sampling/look/thread_walker.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "base/lock/futex.h"
#include "base/system/raw_syscall.h"
#include "sampling/look/fault_guard.h"
#include "sampling/look/thread_files.h"
#include "sampling/look/walk_by_signal.h"
#include "sampling/stop/stop_by_trace.h"
#include "sampling/stop/stop_signal.h"
#include "sampling/stop/thread_descriptor.h"

namespace heapprof {
namespace {

using Guard = FaultGuard<GuardedProcess::kWalker>;

constexpr int64_t kWatch = 20'000'000;           // ns between two looks whether the tracer is still there
constexpr int64_t kLook = 1'000'000;             // between two looks at threads that do not stop
constexpr int64_t kSleeperPatience = 4'000'000;  // for one that sleeps uninterruptibly
constexpr int64_t kLeastPatience = 10'000'000;
constexpr int64_t kPatienceWithOthers = 20'000'000;
constexpr uint64_t kChildSignal = uint64_t{1} << (SIGCHLD - 1);

// A held thread waits for the tracer to get a processor: it is to get one at once. As a real-time process
// where the program may have such; else by the shortest slice, which newer kernels let anyone ask for.
void HurryUp() {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {sizeof(attributes), SCHED_FIFO, 0, 0, 1, 0, 0, 0};
  if (RawSyscall(SYS_sched_setattr, 0, reinterpret_cast<long>(&attributes), 0) == 0) return;
  constexpr uint64_t kShortest = 100'000;  // ns
  // The system call gives 20 less the nice value.
  const auto nice = static_cast<int32_t>(20 - RawSyscall(SYS_getpriority, PRIO_PROCESS, 0));
  attributes = {sizeof(attributes), SCHED_OTHER, 0, nice, 0, kShortest, 0, 0};
  RawSyscall(SYS_sched_setattr, 0, reinterpret_cast<long>(&attributes), 0);
}

bool IsTraced(const TaskFolder& folder, int tid) {
  char text[4096];
  if (!folder.Read(tid, "status", text, sizeof(text))) return false;
  const char* at = strstr(text, "\nTracerPid:\t");
  return at != nullptr && at[sizeof("\nTracerPid:\t") - 1] != '0';
}

}  // namespace

int ThreadWalker::Start() {
  Stop();
  phase_.store(kWaiting, std::memory_order_relaxed);
  asked_count_ = late_ = 0;
  waited_ = 0;
  for (Asked& asked : asked_) asked.thread = nullptr;
  return process_.Start(Run, this);
}

void ThreadWalker::Stop() {
  if (!process_.started()) return;
  phase_.store(kEnding, std::memory_order_release);
  FutexWakeAll(&phase_);
  process_.Join();
}

void ThreadWalker::Forget() { process_.Forget(); }

void ThreadWalker::Walk(WalkedThread* threads, size_t count, bool by_signal_too, const WalkCompany& company) {
  for (size_t i = 0; i < count; ++i) {
    threads[i].answer = ThreadAnswer::kRefused;
    threads[i].in_place = threads[i].by_signal = false;
    threads[i].call = {-1, 0, 0};
  }
  if (count == 0) return;
  company_ = company;
  next_.store(0, std::memory_order_relaxed);
  list_distance_ = RobustListDistance();
  TaskFolder folder;
  folder_ = folder.Open() == 0 ? &folder : nullptr;
  threads_ = threads;
  count_ = count;
  if (folder_ != nullptr) WalkByTrace();
  while (KeepCompany()) {
  }
  if (!by_signal_too) return;
  int64_t patience = kMuchPatience;
  for (size_t i = 0; i < count; ++i) {
    if (threads[i].answer != ThreadAnswer::kRefused) continue;
    const int64_t begin = RawMonotonicNanos();
    WalkBySignal(&threads[i], folder_, patience < kPatience ? kLeastPatience : kPatience);
    if (threads[i].answer == ThreadAnswer::kSilent) patience -= RawMonotonicNanos() - begin;
  }
}

// One that waits for a request, and will take it.
bool ThreadWalker::HaveTracer() {
  constexpr int kTries = 3;
  for (int i = 0; i < kTries; ++i) {
    uint32_t waiting = kWaiting;
    // release: the request before the word of it. It fails if the tracer has just had enough of waiting.
    if (process_.alive() && phase_.compare_exchange_strong(waiting, kWalking, std::memory_order_release,
                                                           std::memory_order_relaxed)) {
      return true;
    }
    if (Start() != 0) return false;
  }
  return false;
}

// False: all is done, or under way.
bool ThreadWalker::KeepCompany() {
  if (company_.each == nullptr) return false;
  const size_t index = next_.fetch_add(1, std::memory_order_relaxed);
  if (index >= count_) return false;
  company_.each(company_.argument, index);
  return true;
}

void ThreadWalker::WalkByTrace() {
  // It may end in the middle, with the thread that started it.
  constexpr int kTries = 2;
  for (int i = 0; i < kTries; ++i) {
    for (size_t k = 0; k < count_; ++k) threads_[k].answer = ThreadAnswer::kRefused;
    if (!HaveTracer()) return;
    process_.NameAsTracer();
    FutexWakeAll(&phase_);
    while (KeepCompany()) {
    }
    // acquire: the answers before the word of them.
    while (process_.alive() && phase_.load(std::memory_order_acquire) == kWalking) {
      if (FutexWait(&phase_, kWalking, kWatch) == -ETIMEDOUT) process_.LetGoOn();
    }
    const uint32_t phase = phase_.load(std::memory_order_acquire);
    // A tracer that has given threads up lets go of them by its end.
    if (phase != kWaiting) Stop();
    if (phase != kWalking) return;
  }
}

// From here on in the tracer, up to the end of the file.

void ThreadWalker::Run(void* self) {
  auto* walker = static_cast<ThreadWalker*>(self);
  // Each stop of a thread tells by this signal, which is blocked, unless the program ignores it.
  KernelSigaction usual = {};
  RawSyscall(SYS_rt_sigaction, SIGCHLD, reinterpret_cast<long>(&usual), 0, sizeof(usual.mask));
  HurryUp();
  Guard::CatchFaults();
  while (walker->AwaitRequest()) {
    walker->LookAtAll();
    while (walker->KeepCompany()) {
    }
    walker->WalkAll();
    if (walker->company_.after != nullptr) walker->company_.after(walker->company_.argument);
    const bool leaves = walker->late_ != 0;
    uint32_t walking = kWalking;
    // release: the answers before the word of them.
    walker->phase_.compare_exchange_strong(walking, leaves ? kEnded : kWaiting, std::memory_order_release,
                                           std::memory_order_relaxed);
    FutexWakeAll(&walker->phase_);
    if (leaves) return;
  }
}

// False: there will be none.
bool ThreadWalker::AwaitRequest() {
  const int64_t since = RawMonotonicNanos();
  for (;;) {
    uint32_t phase = phase_.load(std::memory_order_acquire);
    if (phase != kWaiting) return phase == kWalking;
    if (RawMonotonicNanos() - since >= kIdle &&
        phase_.compare_exchange_strong(phase, kEnded, std::memory_order_relaxed)) {
      return false;
    }
    FutexWait(&phase_, kWaiting, kIdle);
  }
}

void ThreadWalker::LookAtAll() {
  for (size_t i = 0; i < count_; ++i) {
    threads_[i].in_place = Look(&threads_[i]);
    if (!threads_[i].in_place) threads_[i].answer = ThreadAnswer::kRefused;
  }
}

// False: its stack is not to be had so.
bool ThreadWalker::Look(WalkedThread* thread) {
  const int folder = folder_->descriptor(), listed = folder_->ListedNumberOf(thread->tid);
  const int runs = OpenThreadFile(folder, listed, "schedstat");
  RunStamp before, after;
  // A kernel that does not count says zeros.
  const bool counts = runs >= 0 && ReadRunStamp(runs, &before) && before.runs != 0;
  const Place place = ReadPlace(folder, listed);
  if (place.where == Place::kWaits) thread->call = {static_cast<int>(place.call), place.argument, place.pc};
  bool walked = false;
  if (counts && place.where == Place::kWaits && place.call >= 0) {
    ucontext_t context = {};
    MakeContext(RegistersOfWait(place.pc, place.stack_pointer), &context);
    struct Request {
      const ucontext_t& context;
      intptr_t list_distance;
      WalkedThread* thread;
    } request = {context, list_distance_, thread};
    const auto walk = [](void* argument) {
      auto* r = static_cast<Request*>(argument);
      const uintptr_t block = ControlBlockByList(r->thread->tid, r->list_distance);
      if (!IsControlBlock(block) || ThreadIdAt(block) != r->thread->tid) return;
      WalkHeldThread(block, r->context, r->thread);
    };
    walked = Guard::Call(walk, &request) && thread->answer == ThreadAnswer::kWalked &&
             !thread->walk.truncated && ReadRunStamp(runs, &after) && after.runs == before.runs;
    thread->system_call = thread->call.number;
  }
  if (runs >= 0) RawClose(runs);
  return walked;
}

void ThreadWalker::WalkAll() {
  waited_ = 0;
  patience_left_ = kPatienceWithOthers;
  for (size_t next = 0;;) {
    while (next < count_ && asked_count_ < kAtOnce) {
      WalkedThread* thread = &threads_[next++];
      if (thread->answer != ThreadAnswer::kWalked) Ask(thread);
    }
    if (asked_count_ == 0) {
      if (next == count_) return;
      continue;
    }
    if (TakeOne()) continue;
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
    asked = {thread, RawMonotonicNanos()};
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
  iovec general = {&registers, sizeof(registers)};
  if (Trace(PTRACE_GETREGSET, thread->tid, NT_PRSTATUS, &general) != 0) {
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
