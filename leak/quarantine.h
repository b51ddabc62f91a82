// SPDX-License-Identifier: Apache-2.0
// Keeps freed blocks back for a while, so that their addresses are not handed out again at once.
//
// An allocator hands out first what was freed last. A leaked block then often has the address of one that was
// freed just before, to which some dead variable or emptied container still points, and a conservative search
// takes it for reachable. Where a scope of a few calls is checked (leak_mark) that would hide most single
// leaks.
//
// Holds at most kBlocks blocks of kBytes in all, none larger than kLargest: those that were freed last.
//
// Thread-safety: yes. Signal-safety: as free. Allocates: never.
#ifndef HEAPPROF_LEAK_QUARANTINE_H_
#define HEAPPROF_LEAK_QUARANTINE_H_

#include <stddef.h>

#include <atomic>

namespace heapprof::quarantine {

inline constexpr size_t kBlocks = 4096, kBytes = 16 << 20, kLargest = kBytes / 16;

// A ring, from g_oldest on to g_next; they count all blocks there ever were. Blocks may be taken out between.
extern std::atomic<bool> g_on;
extern std::atomic<size_t> g_next, g_oldest, g_bytes;
extern std::atomic<void*> g_blocks[kBlocks];

// From the first scope on.
inline void SwitchOn() { g_on.store(true, std::memory_order_relaxed); }
inline bool IsOn() { return g_on.load(std::memory_order_relaxed); }

// The oldest block; nullptr: there is none, or another thread took it.
void* TakeOldest();

// Keeps `block` back, and calls release(block) for each that goes in its place. size_of(block): its bytes.
template <typename SizeOf, typename Release>
void Keep(void* block, SizeOf size_of, Release release) {
  size_t size = size_of(block);
  if (size > kLargest) return release(block);
  auto let_go = [&](void* old) {
    if (old == nullptr) return;
    g_bytes.fetch_sub(size_of(old), std::memory_order_relaxed);
    release(old);
  };
  g_bytes.fetch_add(size, std::memory_order_relaxed);
  size_t at = g_next.fetch_add(1, std::memory_order_relaxed) % kBlocks;
  // acq_rel: whoever frees the block later does so after what this thread did with it.
  let_go(g_blocks[at].exchange(block, std::memory_order_acq_rel));
  while (g_bytes.load(std::memory_order_relaxed) > kBytes &&
         g_oldest.load(std::memory_order_relaxed) != g_next.load(std::memory_order_relaxed)) {
    let_go(TakeOldest());
  }
}

// Takes out the blocks of which chosen(block) is true, and calls release(block) for each.
template <typename Chosen, typename SizeOf, typename Release>
void TakeOut(Chosen chosen, SizeOf size_of, Release release) {
  if (!IsOn()) return;
  for (std::atomic<void*>& place : g_blocks) {
    void* block = place.load(std::memory_order_relaxed);
    if (block == nullptr || !chosen(block)) continue;
    // acquire: as in Keep. If somebody took it meanwhile, it is theirs.
    if (!place.compare_exchange_strong(block, nullptr, std::memory_order_acquire)) continue;
    g_bytes.fetch_sub(size_of(block), std::memory_order_relaxed);
    release(block);
  }
}

}  // namespace heapprof::quarantine

#endif  // HEAPPROF_LEAK_QUARANTINE_H_
