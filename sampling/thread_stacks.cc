#include "sampling/thread_stacks.h"

#include <atomic>

namespace heapprof {
namespace {

// Open addressing; control blocks are few even where threads are many, as libc uses stacks again.
constexpr size_t kStackBits = 14, kStacks = size_t{1} << kStackBits;
std::atomic<uintptr_t> g_stacks[kStacks];

std::atomic<void*> g_arguments[kArgumentSlots];
char g_nothing;  // stands for a null argument, so that its slot is taken

static_assert(sizeof(std::atomic<void*>) == sizeof(void*));

}  // namespace

void NoteThreadStack(uintptr_t control_block) {
  constexpr int kMostProbes =
      64;  // a table that is nearly full forgets: its stacks are then the program's memory
  size_t at = control_block * 0x9e3779b97f4a7c15 >> (64 - kStackBits);
  for (int probe = 0; probe < kMostProbes; ++probe, at = (at + 1) % kStacks) {
    uintptr_t there = g_stacks[at].load(std::memory_order_relaxed);
    if (there == control_block) return;
    if (there == 0) {
      if (g_stacks[at].compare_exchange_strong(there, control_block, std::memory_order_relaxed)) return;
      if (there == control_block) return;
    }
  }
}

size_t ThreadStackCount() { return kStacks; }
uintptr_t ThreadStackAt(size_t index) { return g_stacks[index].load(std::memory_order_relaxed); }

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
