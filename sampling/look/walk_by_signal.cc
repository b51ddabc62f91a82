// SPDX-License-Identifier: Apache-2.0
#include "sampling/look/walk_by_signal.h"

#include "base/system/raw_syscall.h"
#include "sampling/stop/stop_by_signal.h"
#include "sampling/stop/stop_signal.h"
#include "sampling/thread/labels.h"
#include "sampling/thread/thread_state.h"

namespace heapprof {
namespace {

constexpr int64_t kLook = 1'000'000;             // ns between two looks at a thread that does not answer
constexpr int64_t kSleeperPatience = 4'000'000;  // for one that sleeps uninterruptibly

// One thread at a time is in it. A handler that comes late may look at it at any time.
ThreadTable* g_table = nullptr;

// The other thread's value of what `own` is the calling one's, in thread-local storage at the same place of
// each thread. Where a thread has such storage of its own making, or none, the value is anything.
template <typename Value>
bool ReadOfThread(uintptr_t control_block, const Value* own, Value* value) {
  const uintptr_t place = control_block + (reinterpret_cast<uintptr_t>(own) - ControlBlock());
  return RawReadOwnMemory(reinterpret_cast<const void*>(place), value, sizeof(*value)) == sizeof(*value);
}

}  // namespace

void WalkHeldThread(uintptr_t control_block, const ucontext_t& context, WalkedThread* thread) {
  StackBounds bounds;
  if (!ReadOfThread(control_block, &CurrentThread().stack, &bounds)) bounds = {0, 0};
  thread->walk = WalkStackFromContext(context, bounds, thread->pcs, thread->max);
  ThreadTags tags;
  const bool known = ReadOfThread(control_block, CurrentTags(), &tags) && LabelSets().Has(tags.labels);
  thread->labels = known ? tags.labels : 0;
  thread->creator = known ? tags.creator : 0;
  thread->control_block = control_block;
  thread->system_call = -1;
  thread->answer = ThreadAnswer::kWalked;
}

void WalkBySignal(WalkedThread* thread, const TaskFolder* folder, int64_t patience) {
  if (g_table == nullptr) g_table = ThreadTable::Map(1);
  ThreadRecord* record = g_table == nullptr ? nullptr : g_table->FindOrAdd(thread->tid);
  if (record == nullptr) return;
  stop_signal::Begin(g_table);
  record->state.store(StopState::kAsked, std::memory_order_release);
  thread->answer = ThreadAnswer::kSilent;
  if (!stop_signal::Ask(thread->tid)) {
    const bool ended = folder != nullptr && folder->StatusOf(thread->tid).ended();
    thread->answer = ended ? ThreadAnswer::kEnded : ThreadAnswer::kRefused;
  } else {
    const int64_t since = RawMonotonicNanos();
    while (stop_signal::Answered() == 0 && !stop_signal::Wait(0, kLook)) {
      const int64_t waited = RawMonotonicNanos() - since;
      const TaskFolder::Status status =
          folder != nullptr ? folder->StatusOf(thread->tid) : TaskFolder::Status{'R', false};
      if (status.ended()) thread->answer = ThreadAnswer::kEnded;
      if (status.kernels) thread->answer = ThreadAnswer::kKernels;
      const bool asleep = status.letter == 'D' && waited >= kSleeperPatience;
      if (status.ended() || status.kernels || asleep || waited >= patience) break;
    }
    // acquire: the registers before the word of them.
    if (record->state.load(std::memory_order_acquire) == StopState::kStopped) {
      ucontext_t context = {};
      MakeContext(record->code, &context);
      WalkHeldThread(record->code.control_block, context, thread);
      thread->by_signal = true;
    }
  }
  stop_signal::End();
  g_table->Clear();
}

}  // namespace heapprof
