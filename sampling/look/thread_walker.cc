// SPDX-License-Identifier: Apache-2.0
#include "sampling/look/thread_walker.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/lock/futex.h"
#include "base/system/raw_syscall.h"
#include "sampling/look/haste.h"
#include "sampling/look/walk_by_signal.h"
#include "sampling/stop/stop_signal.h"
#include "sampling/stop/thread_descriptor.h"

namespace heapprof {
namespace {

constexpr int64_t kWatch = 20'000'000;  // ns between two looks whether the tracer is still there

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
  // Where it was killed: they end with it.
  for (TracerProcess& helper : helpers_) helper.Join();
  holder_.Join();
}

void ThreadWalker::Forget() {
  process_.Forget();
  for (TracerProcess& helper : helpers_) helper.Forget();
  holder_.Forget();
}

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
    for (size_t k = 0; k < count_; ++k) {
      threads_[k].answer = ThreadAnswer::kRefused;
      threads_[k].looked = false;
    }
    next_look_.store(0, std::memory_order_relaxed);
    left_.store(nullptr, std::memory_order_relaxed);
    all_looked_.store(false, std::memory_order_relaxed);
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

// From here on in the tracer, up to the end of the file; thread_looks.cc and thread_holds.cc go on.

void ThreadWalker::Run(void* self) {
  auto* walker = static_cast<ThreadWalker*>(self);
  // Each stop of a thread tells by this signal, which is blocked, unless the program ignores it.
  KernelSigaction usual = {};
  RawSyscall(SYS_rt_sigaction, SIGCHLD, reinterpret_cast<long>(&usual), 0, sizeof(usual.mask));
  walker->real_time_ = HurryUp();
  walker->CatchFaults(0);
  while (walker->AwaitRequest()) {
    walker->LookTogether();
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

}  // namespace heapprof
