// SPDX-License-Identifier: Apache-2.0
// The watcher's stops of threads, and its questions to those that it may not stop; all in its own process.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "base/system/raw_syscall.h"
#include "sampling/stop/stop_by_trace.h"
#include "sampling/stop/thread_table.h"
#include "sampling/stop/tracer_process.h"
#include "sampling/wall/watcher.h"
#include "sampling/wall/watcher_process.h"

namespace heapprof::wall {
namespace {

long Address(const void* pointer) { return reinterpret_cast<long>(pointer); }

// Whose SEIZE is under way beside threads that are seized.
Watcher* g_seizing = nullptr;

constexpr uint64_t kChildSignal = uint64_t{1} << (SIGCHLD - 1);

void ChangeMask(int how) {
  RawSyscall(SYS_rt_sigprocmask, how, Address(&kChildSignal), 0, sizeof(kChildSignal));
}

}  // namespace

// A thread that calls exec past libc has a lock of the kernel's (cred_guard_mutex) while it waits for the end
// of all others. One that is traced has not ended before its tracer has asked for its end, and PTRACE_SEIZE
// waits for that lock: both would wait for ever. So the signal that tells of ends comes in meanwhile.
bool Watcher::Seize(int tid) {
  if (seized_ == asked_by_signal_) return Trace(PTRACE_SEIZE, tid, 0, nullptr) == 0;
  g_seizing = this;
  ChangeMask(SIG_UNBLOCK);
  const bool seized = Trace(PTRACE_SEIZE, tid, 0, nullptr) == 0;
  ChangeMask(SIG_BLOCK);
  g_seizing = nullptr;
  return seized;
}

// Elsewhere nothing is to be done but to end a wait. A wait tells of stops of traced threads, whatever it
// asks for.
void Watcher::OnChild(int, siginfo_t*, void*) {
  if (g_seizing == nullptr) return;
  for (;;) {
    int status = 0;
    const long tid = RawSyscall(SYS_wait4, -1, Address(&status), __WALL | WNOHANG, 0);
    if (tid <= 0) return;
    WatchedThread* thread = g_seizing->session_->threads.Find(static_cast<int>(tid));
    if (thread == nullptr) continue;
    thread->status = status;
    thread->told = g_seizing->any_told_ = true;
  }
}

void Watcher::Ask(WatchedThread* thread, const Place& place, const RunStamp& stamp, uint64_t n) {
  thread->asked = stamp;
  thread->asked_place = place;
  thread->asked_kind = place.where == Place::kWaits ? KindAt(*thread, place) : WaitKind::kRunning;
  if (Seize(thread->tid)) {
    thread->seized = true;
    ++seized_;
    ++session_->stops;
    Trace(PTRACE_INTERRUPT, thread->tid, 0, nullptr);
    return;
  }
  const TaskFolder::Status status = folder_->StatusOf(thread->tid);
  if (status.ended()) return DropThread(thread, n);
  if (session_->by_signal.load(std::memory_order_relaxed) && AskBySignal(thread, status.letter)) return;
  // A debugger has it, or a leak check just now; or nobody may trace here. What is known is its call.
  ++session_->refused;
  thread->place = {Place::kUnknown, -1, 0, 0, 0};
  WaitKind kind = status.letter == 'R' ? WaitKind::kRunning : WaitKind::kOther;
  if (place.where == Place::kWaits) kind = thread->asked_kind;
  Record(thread, {0, Truncation::kLost, false, 0}, kind, LabelsOf(*thread), n);
}

// Who has stopped, or ended.
void Watcher::CollectStopped(uint64_t n) {
  if (any_told_) {
    any_told_ = false;
    session_->threads.ForEach([this, n](WatchedThread* thread) {
      if (!thread->told) return;
      thread->told = false;
      OnWaited(thread, thread->status, n);
    });
  }
  if (asked_by_signal_ != 0) CollectSelfWalks(n);
  while (seized_ > asked_by_signal_) {
    int status = 0;
    const long tid = RawSyscall(SYS_wait4, -1, Address(&status), __WALL | WNOHANG, 0);
    if (tid <= 0) return;
    WatchedThread* thread = session_->threads.Find(static_cast<int>(tid));
    if (thread == nullptr || !thread->seized) continue;
    OnWaited(thread, status, n);
  }
}

void Watcher::OnWaited(WatchedThread* thread, int status, uint64_t n) {
  if (WIFSTOPPED(status)) return OnStopped(thread, status, n);
  DropThread(thread, n);
}

// Asked of the call itself, for a thread that there is none of, and of a file that a tracer may read and
// nobody else.
bool Watcher::MayTrace() {
  constexpr int kNoThread = 0x7fffffff;
  if (Trace(PTRACE_SEIZE, kNoThread, 0, nullptr) != -ESRCH) return false;
  const int fd = OpenThreadFile(folder_->descriptor(), folder_->ListedNumberOf(session_->pid), "syscall");
  if (fd < 0) return fd == -ENOENT;  // a kernel without it, or the first thread has ended
  char text[16];
  const ssize_t got = RawRead(fd, text, sizeof(text));
  RawClose(fd);
  return got != -EPERM && got != -EACCES;
}

// Whether a thread has run for some time since it was asked, and has not answered: libc set its own handler
// for the first thread just then, or all signals are blocked.
bool Watcher::RanOn(WatchedThread* thread) {
  constexpr int64_t kPatience = 50'000'000;
  if (woken_ - thread->asked_at < kPatience) return false;
  RunStamp stamp;
  if (Stamp(thread, &stamp) && stamp.runs == thread->asked.runs) return false;
  ++thread->unanswered;
  return true;
}

bool Watcher::AskBySignal(WatchedThread* thread, char letter) {
  constexpr uint32_t kMaxUnanswered = 3;  // each waits in the queue of a thread that blocks it
  if (thread->unanswered >= kMaxUnanswered) return false;
  const size_t slot = session_->self_walks.Ask(session_->pid, thread->tid);
  if (slot == SelfWalks::kSlots) return false;
  thread->seized = thread->walks_itself = true;
  thread->slot = slot;
  thread->asked_at = woken_;
  thread->asked_place = {letter == 'R' ? Place::kRunning : Place::kWaits, -1, 0, 0, 0};
  ++seized_;
  ++asked_by_signal_;
  ++session_->stops;
  return true;
}

void Watcher::CollectSelfWalks(uint64_t n) {
  session_->threads.ForEach([this, n](WatchedThread* thread) {
    if (!thread->walks_itself) return;
    SelfWalk& own = session_->self_walks.at(thread->slot);
    // acquire: the walk before the word that it is there.
    const bool done = own.state.load(std::memory_order_acquire) == SelfWalk::kDone;
    if (!done && !RanOn(thread)) return;
    thread->seized = thread->walks_itself = false;
    --seized_;
    --asked_by_signal_;
    if (!done) return session_->self_walks.GiveUp(thread->slot);
    thread->unanswered = 0;
    const WalkResult walk = own.walk;
    const uint32_t labels = SetOf(own.labels) == own.labels ? own.labels : 0;
    memcpy(session_->pcs, own.pcs, walk.depth * sizeof(uintptr_t));
    session_->self_walks.Free(thread->slot);
    thread->place = thread->asked_place;
    const bool waits = thread->place.where == Place::kWaits;
    thread->has_kept = false;
    thread->hash = walk.hash;
    // It has run to walk, and goes on to wait without being given a processor once more.
    if (!Stamp(thread, &thread->stamp)) return DropThread(thread, n);
    Record(thread, walk, waits ? WaitKind::kOther : WaitKind::kRunning, labels, n);
  });
}

void Watcher::OnStopped(WatchedThread* thread, int status, uint64_t n) {
  TracedRegisters registers = {};
  if (!ReadTracedRegisters(thread->tid, &registers)) return;  // it was killed
  const int64_t now = RawMonotonicNanos();
  RunStamp stamp = {};
  const bool stamped = Stamp(thread, &stamp);
  thread->control_block = ControlBlockOf(registers);
  ReadStackBounds(thread);
  ucontext_t context = {};
  heapprof::MakeContext(registers, &context);
  WalkResult walk = {};
  if (!Walk(context, thread->stack, &walk)) walk = {0, Truncation::kLost, false, 0};
  const uint32_t labels = LabelsOf(*thread);
  const Place place = PlaceOf(registers);
  thread->kept = KeptOf(registers);
  thread->has_kept = true;
  thread->hash = walk.hash;
  if (LetGo(thread->tid, SignalOfStop(status), &registers, *folder_)) {
    thread->seized = false;
    --seized_;
  }
  thread->stamp.runs = ~uint64_t{0};
  if (stamped) thread->stamp = stamp;
  const bool ran = stamped && stamp.runs == thread->asked.runs;
  WaitKind kind = WaitKind::kRunning;
  thread->place = place;
  if (thread->asked_place.where == Place::kWaits) {
    kind = thread->asked_kind;
  } else if (thread->asked_place.where == Place::kUnknown && place.where == Place::kWaits && !ran) {
    kind = KindOfCall(place.call);
    ++thread->stamp.runs;  // once more, to go on waiting
  } else {
    thread->place.where = Place::kRunning;
    // Was it given a processor after the look, it had to wait for one. But if it began to wait only when the
    // watcher woke, it had lost its own to the watcher.
    constexpr int64_t kWakeUp = 50'000;
    const auto waited = static_cast<int64_t>(stamp.delay - thread->asked.delay);
    if (!ran && stamped && waited > now - woken_ + kWakeUp) kind = WaitKind::kProcessor;
  }
  Record(thread, walk, kind, labels, n);
}

}  // namespace heapprof::wall
