// SPDX-License-Identifier: Apache-2.0
#include "base/system/own_mappings.h"

#include <atomic>

namespace heapprof {
namespace {

// A range of pages in one word, so that it changes as a whole: first << kFirstBit | owner | added | count.
// 0: none. What a thread has parted from an entry that it has not shortened yet is added: others may shorten
// it, but it is that thread's to keep or to drop, and not free before, however little of it is left.
constexpr int kPageBits = 12, kCountBits = 26, kFirstBit = kCountBits + 2;
static_assert(64 - kFirstBit == 48 - kPageBits, "addresses of aarch64 have 48 bits");
constexpr uint64_t kMaxCount = (uint64_t{1} << kCountBits) - 1;  // 256 GiB
constexpr uint64_t kAddedMask = uint64_t{1} << kCountBits;
constexpr uint64_t kOwnerMask = kAddedMask << 1;
constexpr int kPatience = 100000;  // loads, some 100 us: the thread waited for runs some ten instructions

struct Pages {
  uint64_t first, limit;
  uint64_t owner;  // kOwnerMask: the allocator's; 0
  uint64_t added;  // kAddedMask; 0

  static Pages Of(uint64_t word) {
    const uint64_t first = word >> kFirstBit;
    return {first, first + (word & kMaxCount), word & kOwnerMask, word & kAddedMask};
  }
  uint64_t word() const { return first << kFirstBit | owner | added | (limit - first); }
  bool empty() const { return first >= limit; }
};

std::atomic<uint64_t> g_entries[kMaxOwnMappings];
std::atomic<size_t> g_used{0};        // entries below were in use at some time
std::atomic<size_t> g_dropped{0};     // found no room
std::atomic<size_t> g_first_hole{0};  // a hint: below are few free entries
std::atomic<uint64_t> g_splits{0};    // entries that were parted in two

// release: whoever finds the range finds it mapped.
bool Claim(size_t index, uint64_t word) {
  uint64_t none = 0;
  return g_entries[index].load(std::memory_order_relaxed) == 0 &&
         g_entries[index].compare_exchange_strong(none, word, std::memory_order_seq_cst);
}

// The entry that has it; kMaxOwnMappings: there is no room.
size_t Add(Pages pages) {
  const uint64_t word = pages.word();
  size_t used = g_used.load(std::memory_order_relaxed);
  for (size_t i = g_first_hole.load(std::memory_order_relaxed); i < used; ++i) {
    if (Claim(i, word)) {
      g_first_hole.store(i + 1, std::memory_order_relaxed);
      return i;
    }
  }
  g_first_hole.store(used, std::memory_order_relaxed);
  for (;;) {
    size_t index = g_used.load(std::memory_order_relaxed);
    if (index == kMaxOwnMappings) break;
    if (!g_used.compare_exchange_weak(index, index + 1, std::memory_order_seq_cst)) continue;
    if (Claim(index, word)) return index;  // else somebody else was faster here
  }
  g_dropped.fetch_add(1, std::memory_order_relaxed);
  return kMaxOwnMappings;
}

void NoteHole(size_t index) {
  if (index < g_first_hole.load(std::memory_order_relaxed)) {
    g_first_hole.store(index, std::memory_order_relaxed);
  }
}

// Ends that an entry is added.
void Settle(size_t index, bool keep) {
  std::atomic<uint64_t>& entry = g_entries[index];
  uint64_t word = entry.load(std::memory_order_seq_cst), settled;
  do {
    settled = keep && !Pages::Of(word).empty() ? word & ~kAddedMask : 0;
  } while (!entry.compare_exchange_strong(word, settled, std::memory_order_seq_cst));
  if (settled == 0) NoteHole(index);
}

// Takes [gone.first, gone.limit) out of an entry.
void TakeOut(size_t index, Pages gone) {
  std::atomic<uint64_t>& entry = g_entries[index];
  uint64_t word = entry.load(std::memory_order_seq_cst);
  for (int tries = 0;; ++tries) {
    const Pages pages = Pages::Of(word);
    if (pages.empty() || pages.first >= gone.limit || pages.limit <= gone.first) return;
    Pages below = pages, above = pages;
    below.limit = gone.first;
    above.first = gone.limit;
    size_t added = kMaxOwnMappings;
    if (!below.empty() && !above.empty()) {
      // A part of this would be dropped with it, if it is dropped. Its thread may not run: then it is kept.
      if (pages.added != 0 && tries < kPatience) {
        word = entry.load(std::memory_order_seq_cst);
        continue;
      }
      // First the new entry, then the shorter one: at no moment is a part that stays mapped in none.
      above.added = kAddedMask;
      added = Add(above);
      g_splits.fetch_add(1, std::memory_order_seq_cst);
    }
    const uint64_t rest = !below.empty()   ? below.word()
                          : !above.empty() ? above.word()
                          : pages.added    ? Pages{pages.first, pages.first, pages.owner, pages.added}.word()
                                           : 0;
    const bool done = entry.compare_exchange_strong(word, rest, std::memory_order_seq_cst);
    // Else another thread took its part out of the entry, which has all that stays mapped of what was added.
    if (added != kMaxOwnMappings) Settle(added, done);
    if (!done) continue;
    if (rest == 0) NoteHole(index);
    return;
  }
}

template <typename Wanted>
size_t CopyOnce(AddressRange* out, size_t capacity, Wanted wanted) {
  size_t count = 0;
  size_t used = g_used.load(std::memory_order_acquire);
  for (size_t i = 0; i < used; ++i) {
    const Pages pages = Pages::Of(g_entries[i].load(std::memory_order_acquire));
    if (pages.empty() || !wanted(pages)) continue;
    if (count < capacity) out[count] = {pages.first << kPageBits, pages.limit << kPageBits};
    ++count;
  }
  return g_dropped.load(std::memory_order_relaxed) == 0 ? count : count + kMaxOwnMappings + 1;
}

// The upper part of an entry that is parted meanwhile may have gone where the copy has been already; who sees
// the shorter entry sees the count of that, too (seq_cst, there and here). While threads do nothing else, a
// part may be missing after all.
template <typename Wanted>
size_t Copy(AddressRange* out, size_t capacity, Wanted wanted) {
  constexpr int kTries = 16;
  size_t count = 0;
  for (int tries = 0; tries < kTries; ++tries) {
    const uint64_t splits = g_splits.load(std::memory_order_seq_cst);
    count = CopyOnce(out, capacity, wanted);
    if (g_splits.load(std::memory_order_seq_cst) == splits) break;
  }
  return count;
}

}  // namespace

void NoteOwnMapping(uintptr_t start, size_t size, MappingOwner owner) {
  constexpr uintptr_t kPageMask = (uintptr_t{1} << kPageBits) - 1;
  Pages pages = {start >> kPageBits, (start + size + kPageMask) >> kPageBits,
                 owner == MappingOwner::kAllocator ? kOwnerMask : 0, 0};
  for (; !pages.empty(); pages.first += kMaxCount) {
    const uint64_t limit = pages.limit - pages.first > kMaxCount ? pages.first + kMaxCount : pages.limit;
    Add({pages.first, limit, pages.owner, 0});
  }
}

// Of every entry that overlaps: what was mapped in pieces may be unmapped at once.
void ForgetOwnMapping(uintptr_t start, size_t size) {
  constexpr uintptr_t kPageMask = (uintptr_t{1} << kPageBits) - 1;
  const Pages gone = {start >> kPageBits, (start + size + kPageMask) >> kPageBits, 0, 0};
  // A thread that takes out another part of the same mapping may have put the upper rest of it, with this
  // part in it, where this one has looked already: it counts that before it shortens the entry it is of. So
  // either the count has changed, or it finds that entry changed and drops what it added.
  uint64_t splits;
  do {
    splits = g_splits.load(std::memory_order_seq_cst);
    const size_t used = g_used.load(std::memory_order_seq_cst);
    for (size_t i = 0; i < used; ++i) TakeOut(i, gone);
  } while (g_splits.load(std::memory_order_seq_cst) != splits);
}

size_t CopyOwnMappings(AddressRange* out, size_t capacity) {
  return Copy(out, capacity, [](const Pages&) { return true; });
}

size_t CopyOwnMappings(MappingOwner owner, AddressRange* out, size_t capacity) {
  const uint64_t wanted = owner == MappingOwner::kAllocator ? kOwnerMask : 0;
  return Copy(out, capacity, [=](const Pages& pages) { return pages.owner == wanted; });
}

}  // namespace heapprof
