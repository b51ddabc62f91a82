// SPDX-License-Identifier: Apache-2.0
#include "sampling/stop/thread_stacks.h"
#include "base/hash.h"

#include <atomic>

namespace heapprof {
namespace {

// Open addressing; control blocks are few even where threads are many, as libc uses stacks again.
constexpr size_t kStackBits = 14, kStacks = size_t{1} << kStackBits;
struct Entry {
  std::atomic<uintptr_t> control_block;  // 0: free
  std::atomic<uintptr_t> extent;
};
Entry g_stacks[kStacks];

// The lowest bits of an extent, which is a size or, with kOwn, an address.
constexpr uintptr_t kOwn = 1, kGuarded = 2, kMarks = 15;

std::atomic<void*> g_arguments[kArgumentSlots];
char g_nothing;  // stands for a null argument, so that its slot is taken

static_assert(sizeof(std::atomic<void*>) == sizeof(void*));

}  // namespace

namespace {

// The entry of a control block, or where it may be added: look again who has it. nullptr: no room.
Entry* FindEntry(uintptr_t control_block) {
  // A table that is nearly full forgets: stacks without an entry are then the program's memory.
  constexpr int kMaxProbes = 64;
  size_t at = control_block * kGoldenRatio >> (64 - kStackBits);
  for (int probe = 0; probe < kMaxProbes; ++probe, at = (at + 1) % kStacks) {
    uintptr_t there = g_stacks[at].control_block.load(std::memory_order_acquire);
    if (there == control_block || there == 0) return &g_stacks[at];
  }
  return nullptr;
}

}  // namespace

void NoteThreadStack(uintptr_t control_block, const ThreadStack& stack) {
  uintptr_t extent = stack.low != 0 ? ((stack.low + kMarks) & ~kMarks) | kOwn : stack.size & ~kMarks;
  if (stack.low == 0 && stack.guarded) extent |= kGuarded;
  while (Entry* entry = FindEntry(control_block)) {
    uintptr_t there = 0;
    if (entry->control_block.load(std::memory_order_relaxed) != control_block &&
        !entry->control_block.compare_exchange_strong(there, control_block, std::memory_order_acq_rel) &&
        there != control_block) {
      continue;  // somebody else was faster
    }
    entry->extent.store(extent, std::memory_order_release);
    return;
  }
}

bool FindThreadStack(uintptr_t control_block, ThreadStack* stack) {
  const Entry* entry = FindEntry(control_block);
  if (entry == nullptr || entry->control_block.load(std::memory_order_acquire) != control_block) return false;
  uintptr_t extent = entry->extent.load(std::memory_order_acquire);
  if (extent == 0) return false;
  bool own = (extent & kOwn) != 0;
  uintptr_t value = extent & ~kMarks;
  *stack = {own ? value : 0, own ? 0 : value, (extent & kGuarded) != 0};
  return true;
}

size_t ThreadStackCount() { return kStacks; }
uintptr_t ThreadStackAt(size_t index) {
  return g_stacks[index].control_block.load(std::memory_order_relaxed);
}

ArgumentSlot* HoldThreadArgument(void* argument) {
  void* value = argument != nullptr ? argument : &g_nothing;
  for (auto& slot : g_arguments) {
    void* free = nullptr;
    if (slot.load(std::memory_order_relaxed) == nullptr &&
        slot.compare_exchange_strong(free, value, std::memory_order_relaxed)) {
      return reinterpret_cast<ArgumentSlot*>(&slot);
    }
  }
  return nullptr;
}

void ReleaseThreadArgument(ArgumentSlot* slot) {
  if (slot == nullptr) return;
  // release: the thread has copied the argument before its slot is free.
  reinterpret_cast<std::atomic<void*>*>(slot)->store(nullptr, std::memory_order_release);
}

void* HeldThreadArgument(size_t index) {
  void* argument = g_arguments[index].load(std::memory_order_relaxed);
  return argument == &g_nothing ? nullptr : argument;
}

}  // namespace heapprof
