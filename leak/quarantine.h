// Keeps freed blocks back for a while, so that their addresses are not handed out again at once.
//
// An allocator hands out first what was freed last. A leaked block then often has the address of one that was
// freed just before, to which some dead variable or emptied container still points, and a conservative search
// takes it for reachable. Where a scope of a few calls is checked (leak_mark) that would hide most single
// leaks.
//
// Thread-safety: yes. Signal-safety: as free. Allocates: never. Holds at most kBlocks blocks.
#ifndef HEAPPROF_LEAK_QUARANTINE_H_
#define HEAPPROF_LEAK_QUARANTINE_H_

#include <stddef.h>

#include <atomic>

namespace heapprof::quarantine {

inline constexpr size_t kBlocks = 4096;
extern std::atomic<bool> g_on;
extern std::atomic<size_t> g_next;
extern std::atomic<void*> g_blocks[kBlocks];

// From the first scope on.
inline void SwitchOn() { g_on.store(true, std::memory_order_relaxed); }

// The block that is to be freed instead of `block`, maybe nullptr.
inline void* Exchange(void* block) {
  if (__builtin_expect(!g_on.load(std::memory_order_relaxed), 1)) return block;
  size_t at = g_next.fetch_add(1, std::memory_order_relaxed) % kBlocks;
  // acq_rel: whoever frees the block later does so after what this thread did with it.
  return g_blocks[at].exchange(block, std::memory_order_acq_rel);
}

// Takes out the blocks of which chosen(block) is true, and calls release(block) for each.
template <typename Chosen, typename Release>
void TakeOut(Chosen chosen, Release release) {
  if (!g_on.load(std::memory_order_relaxed)) return;
  for (std::atomic<void*>& place : g_blocks) {
    void* block = place.load(std::memory_order_relaxed);
    if (block == nullptr || !chosen(block)) continue;
    // acquire: as in Exchange. If somebody took it meanwhile, it is theirs.
    if (place.compare_exchange_strong(block, nullptr, std::memory_order_acquire)) release(block);
  }
}

}  // namespace heapprof::quarantine

#endif  // HEAPPROF_LEAK_QUARANTINE_H_
