// SPDX-License-Identifier: Apache-2.0
#include "base/system/own_mappings.h"

#include <atomic>

namespace heapprof {
namespace {

constexpr int kPageBits = 12;

struct Entry {
  std::atomic<uint64_t> first;  // page number; 0: free; kBusy: being filled in
  std::atomic<uint64_t> limit;
};
constexpr uint64_t kBusy = 1;  // a page that is never mapped

Entry g_entries[kMaxOwnMappings];
std::atomic<size_t> g_used{0};        // entries below were in use at some time
std::atomic<size_t> g_dropped{0};     // found no room
std::atomic<size_t> g_first_hole{0};  // a hint: below are few free entries

bool Claim(size_t index, uint64_t first, uint64_t limit) {
  Entry& entry = g_entries[index];
  uint64_t free = 0;
  if (entry.first.load(std::memory_order_relaxed) != 0 ||
      !entry.first.compare_exchange_strong(free, kBusy, std::memory_order_relaxed)) {
    return false;
  }
  entry.limit.store(limit, std::memory_order_relaxed);
  // release: a reader that sees the start sees its limit.
  entry.first.store(first, std::memory_order_release);
  return true;
}

void Add(uint64_t first, uint64_t limit) {
  size_t used = g_used.load(std::memory_order_relaxed);
  for (size_t i = g_first_hole.load(std::memory_order_relaxed); i < used; ++i) {
    if (Claim(i, first, limit)) {
      g_first_hole.store(i + 1, std::memory_order_relaxed);
      return;
    }
  }
  g_first_hole.store(used, std::memory_order_relaxed);
  for (;;) {
    size_t index = g_used.load(std::memory_order_relaxed);
    if (index == kMaxOwnMappings) break;
    if (!g_used.compare_exchange_weak(index, index + 1, std::memory_order_relaxed)) continue;
    if (Claim(index, first, limit)) return;  // else somebody else was faster here
  }
  g_dropped.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

void NoteOwnMapping(uintptr_t start, size_t size) {
  constexpr uintptr_t kPageMask = (uintptr_t{1} << kPageBits) - 1;
  Add(start >> kPageBits, (start + size + kPageMask) >> kPageBits);
}

// Of every entry that overlaps: what was mapped in pieces may be unmapped at once.
void ForgetOwnMapping(uintptr_t start, size_t size) {
  constexpr uintptr_t kPageMask = (uintptr_t{1} << kPageBits) - 1;
  uint64_t first = start >> kPageBits, limit = (start + size + kPageMask) >> kPageBits;
  size_t used = g_used.load(std::memory_order_acquire);
  for (size_t i = 0; i < used; ++i) {
    Entry& entry = g_entries[i];
    uint64_t entry_first = entry.first.load(std::memory_order_acquire);
    uint64_t entry_limit = entry.limit.load(std::memory_order_relaxed);
    if (entry_first <= kBusy || entry_first >= limit || entry_limit <= first) continue;
    if (entry_first < first) {
      entry.limit.store(first, std::memory_order_relaxed);
      if (limit < entry_limit) Add(limit, entry_limit);
    } else if (limit < entry_limit) {
      entry.first.store(limit, std::memory_order_relaxed);
    } else {
      entry.first.store(0, std::memory_order_relaxed);
      if (i < g_first_hole.load(std::memory_order_relaxed)) {
        g_first_hole.store(i, std::memory_order_relaxed);
      }
    }
  }
}

size_t CopyOwnMappings(AddressRange* out, size_t capacity) {
  size_t count = 0;
  size_t used = g_used.load(std::memory_order_acquire);
  for (size_t i = 0; i < used; ++i) {
    uint64_t first = g_entries[i].first.load(std::memory_order_acquire);
    if (first <= kBusy) continue;
    if (count < capacity) {
      out[count] = {first << kPageBits, g_entries[i].limit.load(std::memory_order_relaxed) << kPageBits};
    }
    ++count;
  }
  return g_dropped.load(std::memory_order_relaxed) == 0 ? count : count + kMaxOwnMappings + 1;
}

}  // namespace heapprof
