// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/mapping_stacks.h"

#include <alloca.h>
#include <errno.h>

#include "base/constinit.h"
#include "base/options.h"
#include "sampling/thread/labels.h"
#include "sampling/thread/thread_state.h"
#include "sampling/unwind/walk.h"

namespace heapprof {
namespace {

constexpr uintptr_t kPageMask = 4095;

HP_CONSTINIT MappingStacks g_mappings;

uintptr_t EndOf(uintptr_t start, size_t size) { return start + ((size + kPageMask) & ~kPageMask); }

}  // namespace

MappingStacks& ProcessMappings() { return g_mappings; }

bool MappingStacks::Lock() {
  // Many times what the work under the lock takes. A holder that a signal handler keeps for longer, as a
  // collector does that stops all threads, may be waiting for this thread.
  constexpr int64_t kPatience = 1'000'000'000;
  // relaxed: who waits once more than needed is not wrong.
  if (lock_.LockWithin(holder_stopped_.load(std::memory_order_relaxed) ? 0 : kPatience)) {
    if (holder_stopped_.load(std::memory_order_relaxed)) {
      holder_stopped_.store(false, std::memory_order_relaxed);
    }
    return true;
  }
  if (!lock_.IsOwn()) holder_stopped_.store(true, std::memory_order_relaxed);
  lost_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void MappingStacks::Put(const MappedRange& range) {
  if (!ranges_.Add(range)) lost_.fetch_add(1, std::memory_order_relaxed);
}

bool MappingStacks::Start() {
  if (!IsOn() && Lock()) {
    on_.store(stacks_.Init(), std::memory_order_relaxed);
    lock_.Unlock();
  }
  return IsOn();
}

void MappingStacks::Map(uintptr_t start, size_t size, const CallerFrame& caller, bool alone) {
  if (!IsOn()) return;
  const uint32_t max = GetOptions().max_frames;
  auto* pcs = static_cast<uintptr_t*>(alloca(max * sizeof(uintptr_t)));
  const WalkResult walk = WalkStack(caller, CurrentThread().stack, pcs, max);
  const uint32_t labels = CurrentLabels();
  if (!Lock()) return;
  const uint32_t stack = stacks_.FindOrAdd(
      {pcs, walk.depth, walk.depth == 0 ? Truncation::kLost : walk.truncated, false, walk.hash, labels});
  Put({start, EndOf(start, size), stack, alone});
  lock_.Unlock();
}

uint32_t MappingStacks::Unmap(uintptr_t start, size_t size) {
  if (!IsOn() || (start & kPageMask) != 0 || !Lock()) return 0;
  const uint32_t stack = ranges_.Remove(start, EndOf(start, size));
  lock_.Unlock();
  return stack;
}

void MappingStacks::Restore(uintptr_t start, size_t size, uint32_t stack) {
  if (stack == 0 || !Lock()) return;
  Put({start, EndOf(start, size), stack, 0});
  lock_.Unlock();
}

void MappingStacks::UnmapAlone(uintptr_t start) {
  MappedRange range;
  if (!IsOn() || !Lock()) return;
  if (ranges_.Find(start, &range) && range.start == start && range.alone != 0) {
    ranges_.Remove(range.start, range.end);
  }
  lock_.Unlock();
}

ptrdiff_t MappingStacks::Read(MappedRange* out, size_t capacity) {
  // A handler that has interrupted a call which changes them sees them as they lie; this thread does not go
  // on meanwhile.
  const bool interrupted = lock_.IsOwn();
  if (!interrupted && !Lock()) return -EAGAIN;
  const size_t copied = ranges_.Copy(out, capacity);
  if (!interrupted) lock_.Unlock();
  return static_cast<ptrdiff_t>(copied);
}

bool MappingStacks::HasLocationIn(uint64_t start, uint64_t limit) const {
  return HasStacks() && stacks_.HasLocationIn(start, limit);
}

void MappingStacks::MoveLocations(uint64_t start, uint64_t limit, uint64_t to) {
  if (!HasStacks() || !Lock()) return;
  stacks_.MoveLocations(start, limit, to);
  lock_.Unlock();
}

}  // namespace heapprof
