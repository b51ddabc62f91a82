// SPDX-License-Identifier: Apache-2.0
#include "leak/quarantine.h"

namespace heapprof::quarantine {

std::atomic<bool> g_on{false};
std::atomic<size_t> g_next{0}, g_oldest{0}, g_bytes{0};
std::atomic<void*> g_blocks[kBlocks];

void* TakeOldest() {
  size_t oldest = g_oldest.load(std::memory_order_relaxed);
  size_t next = g_next.load(std::memory_order_relaxed);
  if (oldest == next) return nullptr;
  // Those before the last kBlocks have been replaced.
  size_t at = next - oldest > kBlocks ? next - kBlocks : oldest;
  if (!g_oldest.compare_exchange_strong(oldest, at + 1, std::memory_order_relaxed)) return nullptr;
  // acquire: as in Keep. Where others have filled the ring meanwhile this is a newer block, and no harm.
  return g_blocks[at % kBlocks].exchange(nullptr, std::memory_order_acquire);
}

}  // namespace heapprof::quarantine
