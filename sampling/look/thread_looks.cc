// SPDX-License-Identifier: Apache-2.0
// The walker's looks at threads that wait, in its own process and those that help it.
#include "base/system/raw_syscall.h"
#include "sampling/look/fault_guard.h"
#include "sampling/look/haste.h"
#include "sampling/look/thread_files.h"
#include "sampling/look/thread_walker.h"
#include "sampling/look/walk_by_signal.h"
#include "sampling/stop/stop_by_trace.h"
#include "sampling/stop/thread_descriptor.h"

namespace heapprof {
namespace {

struct Guard {
  void (*catch_faults)();
  bool (*call)(void (*function)(void*), void* argument);
};
template <GuardedProcess kProcess>
constexpr Guard GuardOf() {
  return {FaultGuard<kProcess>::CatchFaults, FaultGuard<kProcess>::Call};
}
constexpr Guard kGuards[] = {GuardOf<GuardedProcess::kWalker>(), GuardOf<GuardedProcess::kHelper1>(),
                             GuardOf<GuardedProcess::kHelper2>(), GuardOf<GuardedProcess::kHelper3>(),
                             GuardOf<GuardedProcess::kHolder>()};
constexpr size_t kHolder = sizeof(kGuards) / sizeof(kGuards[0]) - 1;

}  // namespace

void ThreadWalker::CatchFaults(size_t number) { kGuards[number].catch_faults(); }

// Where the walker is no real-time process, several do this together: alone it would get its share of a busy
// machine, one of many. And another holds threads: the walker will have used up its share, and a thread that
// has stopped would wait until it gets a processor again; that one has its share to itself.
void ThreadWalker::LookTogether() {
  constexpr size_t kWorthAHelper = 64;  // threads
  constexpr struct { void (*run)(void* self); } kRuns[kHelpers] = {{Help<1>}, {Help<2>}, {Help<3>}};
  const bool alone = real_time_ || count_ <= kWorthAHelper;
  bool holds = false;
  if (!alone) {
    TakeTime();
    holds = StartHolder();
    HurryUp();
    for (size_t i = 0; i < kHelpers && count_ > (i + 1) * kWorthAHelper; ++i) {
      if (helpers_[i].Start(kRuns[i].run, this) != 0) break;
    }
  }
  LookAtAll(0);
  for (TracerProcess& helper : helpers_) helper.AwaitEnd();
  for (size_t i = 0; i < count_; ++i) {
    if (!threads_[i].looked) Leave(&threads_[i]);  // a helper was killed
  }
  Leave(nullptr);
  if (alone && !real_time_ && left_.load(std::memory_order_relaxed) != nullptr) holds = StartHolder();
  if (holds) {
    holder_.Join();
    late_ = 0;  // its end has let go of those
  } else {
    HoldThoseLeft();
  }
  // Only now: whoever unmaps their stacks keeps away others that look at memory, among them who holds
  // threads.
  for (TracerProcess& helper : helpers_) helper.Join();
}

bool ThreadWalker::StartHolder() {
  const auto hold = [](void* self) {
    auto* walker = static_cast<ThreadWalker*>(self);
    walker->CatchFaults(kHolder);
    HurryUp();
    walker->HoldThoseLeft();
  };
  return holder_.Start(hold, this) == 0;
}

template <size_t kNumber>
void ThreadWalker::Help(void* self) {
  auto* walker = static_cast<ThreadWalker*>(self);
  walker->CatchFaults(kNumber);
  walker->LookAtAll(kNumber);
}

void ThreadWalker::LookAtAll(size_t number) {
  for (size_t i; (i = next_look_.fetch_add(1, std::memory_order_relaxed)) < count_;) {
    WalkedThread* thread = &threads_[i];
    thread->in_place = Look(thread, number);
    thread->looked = true;
    if (thread->in_place) continue;
    thread->answer = ThreadAnswer::kRefused;
    Leave(thread);
  }
  while (KeepCompany()) {
  }
}

// False: its stack is not to be had so.
bool ThreadWalker::Look(WalkedThread* thread, size_t number) {
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
    walked = kGuards[number].call(walk, &request) && thread->answer == ThreadAnswer::kWalked &&
             !thread->walk.truncated && ReadRunStamp(runs, &after) && after.runs == before.runs;
    thread->system_call = thread->call.number;
  }
  if (runs >= 0) RawClose(runs);
  return walked;
}

}  // namespace heapprof
