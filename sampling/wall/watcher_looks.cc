// SPDX-License-Identifier: Apache-2.0
// The watcher's looks at threads, all in its own process.
#include <signal.h>
#include <sys/syscall.h>

#include "base/system/raw_syscall.h"
#include "sampling/look/fault_guard.h"
#include "sampling/stop/thread_descriptor.h"
#include "sampling/stop/thread_table.h"
#include "sampling/thread/labels.h"
#include "sampling/wall/watcher.h"
#include "sampling/wall/watcher_process.h"

namespace heapprof::wall {
namespace {

template <typename Value>
bool ReadAt(uintptr_t address, Value* value) {
  return RawReadOwnMemory(reinterpret_cast<const void*>(address), value, sizeof(*value)) ==
         static_cast<ssize_t>(sizeof(*value));
}

}  // namespace

// Those that told of their birth, and now and then all: a bare clone() tells of none.
void Watcher::FindThreads(uint64_t n) {
  const bool whole = session_->born.Take([this, n](int tid) {
    if (session_->threads.Find(tid) == nullptr) AddThread(tid, n - 1);
  });
  if (whole && CountThreads(folder_->descriptor()) == session_->threads.count() + kernels_) return;
  if (woken_ < next_list_) return;
  ReadList(n);
  // So that lists take 2 % of the time at most.
  constexpr int64_t kFactor = 50;
  const int64_t now = RawMonotonicNanos();
  next_list_ = now + kFactor * (now - woken_);
}

void Watcher::ReadList(uint64_t n) {
  struct List {
    Watcher* watcher;
    uint64_t n;
  } list = {this, n};
  session_->threads.ForEach([](WatchedThread* thread) { thread->found = false; });
  kernels_ = 0;
  const bool whole = folder_->ForEach(
      [](void* context, int tid) {
        auto* list = static_cast<List*>(context);
        if (WatchedThread* thread = list->watcher->session_->threads.Find(tid)) {
          thread->found = true;
        } else {
          list->watcher->AddThread(tid, list->n - 1);
        }
        return true;
      },
      &list);
  if (!whole) return;
  session_->threads.ForEach([this, n](WatchedThread* thread) {
    if (!thread->found) DropThread(thread, n);
  });
}

void Watcher::AddThread(int tid, uint64_t n) {
  const TaskFolder::Status status = folder_->StatusOf(tid);
  if (status.kernels || status.ended()) {
    ++kernels_;
    return;
  }
  WatchedThread* thread = session_->threads.Add(tid, n);
  if (thread == nullptr) {
    ++session_->unwatched;
    ++kernels_;  // as those, it is counted by the kernel and not here
    return;
  }
  thread->found = true;
  if (files_ >= max_files_) return;
  thread->files = OpenThreadFile(folder_->descriptor(), folder_->ListedNumberOf(tid), "schedstat");
  if (thread->files >= 0) ++files_;
}

// It has ended. Up to the tick before it was where it was seen last.
void Watcher::DropThread(WatchedThread* thread, uint64_t n) {
  session_->ChargeLast(thread, n - 1);
  if (thread->seized) --seized_;
  if (thread->walks_itself) {
    session_->self_walks.GiveUp(thread->slot);
    --asked_by_signal_;
  }
  if (thread->files >= 0) {
    RawClose(thread->files);
    --files_;
  }
  session_->threads.Remove(thread);
}

bool Watcher::Stamp(WatchedThread* thread, RunStamp* stamp) {
  if (thread->files >= 0) return ReadRunStamp(thread->files, stamp);
  const int fd = OpenThreadFile(folder_->descriptor(), folder_->ListedNumberOf(thread->tid), "schedstat");
  if (fd < 0) return false;
  bool read = ReadRunStamp(fd, stamp);
  // Of a watcher before this one, or one of very many.
  if (files_ < max_files_) {
    thread->files = fd;
    ++files_;
  } else {
    RawClose(fd);
  }
  return read;
}

void Watcher::Look(WatchedThread* thread, uint64_t n) {
  if (thread->seized) return;
  // No thread has run since that look.
  if (thread->entry != 0 && thread->looked >= moved_) {
    Charge(thread, n, false);
    return;
  }
  RunStamp stamp;
  if (!Stamp(thread, &stamp)) return DropThread(thread, n);
  // A kernel that does not count says zeros.
  // Who was woken to be asked may have gone on without being given a processor once more: then it has
  // computed.
  constexpr uint64_t kBackToWait = 1'000'000;
  if (thread->entry != 0 && thread->place.where == Place::kWaits && stamp.runs == thread->stamp.runs &&
      stamp.runs != 0 && stamp.cpu - thread->stamp.cpu < kBackToWait) {
    Charge(thread, n, false);
    return;
  }
  Place place = ReadPlace(folder_->descriptor(), folder_->ListedNumberOf(thread->tid));
  // As the kernel names a call that a stop has interrupted.
  if (place.call == SYS_restart_syscall && place.stack_pointer == thread->place.stack_pointer &&
      place.pc == thread->place.pc) {
    place.call = thread->place.call;
  }
  if (place.where == Place::kWaits && WalkWaiting(thread, place, stamp, n)) return;
  Ask(thread, place, stamp, n);
}

// False: the stack is not to be had like this.
bool Watcher::WalkWaiting(WatchedThread* thread, const Place& place, const RunStamp& stamp, uint64_t n) {
  FindControlBlock(thread);
  ucontext_t context;
  WalkResult walk = {};
  // With the registers that it had when it was stopped, in which it may be still.
  bool good = false;
  if (thread->has_kept && thread->place.where == Place::kWaits && place.call == thread->place.call &&
      place.stack_pointer == thread->place.stack_pointer && place.pc == thread->place.pc) {
    MakeContext(place, &thread->kept, &context);
    good = Walk(context, thread->stack, &walk) && walk.hash == thread->hash;
  }
  if (!good) {
    MakeContext(place, nullptr, &context);
    good = Walk(context, thread->stack, &walk) && !walk.truncated;
    if (good) thread->has_kept = false;
  }
  const uint32_t labels = LabelsOf(*thread);
  RunStamp after;
  if (!good || !Stamp(thread, &after) || after.runs != stamp.runs) return false;
  thread->stamp = after;
  thread->place = place;
  thread->hash = walk.hash;
  Record(thread, walk, KindAt(*thread, place), labels, n);
  return true;
}

// Who waits outside of system calls waits for memory, or stands still by order.
WaitKind Watcher::KindAt(const WatchedThread& thread, const Place& place) const {
  if (stopped_) return WaitKind::kStopped;
  if (place.call < 0) {
    const char letter = folder_->StatusOf(thread.tid).letter;
    if (letter == 'T' || letter == 't') return WaitKind::kStopped;
  }
  return KindOfCall(place.call);
}

void Watcher::FindControlBlock(WatchedThread* thread) {
  if (thread->control_block == 0) {
    thread->control_block = ControlBlockByList(thread->tid, session_->layout.robust_list);
  }
  ReadStackBounds(thread);
}

void Watcher::ReadStackBounds(WatchedThread* thread) {
  if (thread->control_block == 0 || thread->stack.high != 0) return;
  StackBounds bounds;
  if (ReadAt(thread->control_block + static_cast<uintptr_t>(session_->layout.stack), &bounds)) {
    thread->stack = bounds;
  }
}

uint32_t Watcher::LabelsOf(const WatchedThread& thread) {
  uint32_t set = 0;
  if (thread.control_block == 0 ||
      !ReadAt(thread.control_block + static_cast<uintptr_t>(session_->layout.labels), &set)) {
    return 0;
  }
  // Its number may be seen here before the set is.
  return SetOf(set) == set && LabelSets().Has(set) ? set : 0;
}

bool Watcher::Walk(const ucontext_t& context, const StackBounds& bounds, WalkResult* result) {
  struct Request {
    const ucontext_t& context;
    const StackBounds& bounds;
    const WallSession& session;
    WalkResult* result;
  } request = {context, bounds, *session_, result};
  *result = {};
  return FaultGuard<GuardedProcess::kWatcher>::Call(
      [](void* argument) {
        const auto& r = *static_cast<const Request*>(argument);
        *r.result = WalkStackFromContext(r.context, r.bounds, r.session.pcs, r.session.max_frames);
      },
      &request);
}

void Watcher::Charge(WatchedThread* thread, uint64_t n, bool moved) {
  const uint64_t ticks = WatchedThreads::TakeTicks(thread, n);
  session_->counts.At(thread->entry)->in.fetch_add(ticks, std::memory_order_relaxed);
  session_->samples += ticks;
  session_->threads.SetNextLook(thread, moved);
}

// The PCs are the session's.
void Watcher::Record(WatchedThread* thread, const WalkResult& walk, WaitKind kind, uint32_t labels,
                     uint64_t n) {
  // In the middle of a dlclose: its next look charges these ticks, too.
  if (!session_->gate.Enter()) {
    thread->entry = 0;
    session_->threads.LookAgain(thread, n);
    return;
  }
  thread->entry = session_->counts.FindOrAdd(
      {session_->pcs, walk.depth, walk.truncated, true, walk.hash, LabelsWithKind(labels, kind)});
  session_->gate.Leave();
  ++session_->stacks;
  if (walk.truncated) ++session_->truncated;
  if (walk.truncated == Truncation::kInBareCode) ++session_->in_bare_code;
  Charge(thread, n, true);
}

}  // namespace heapprof::wall
