// SPDX-License-Identifier: Apache-2.0
#include "alloc/backend/heap_pages.h"

#include <stdint.h>
#include <string.h>

#include <atomic>

#include "alloc/backend/backend.h"
#include "alloc/backend/jemalloc_bins.h"
#include "alloc/backend/jemalloc_pages.h"
#include "base/system/own_mappings.h"
#include "base/system/raw_syscall.h"
#include "jemalloc_bins_checked.h"
#include "sampling/memory/heap_view.h"
#include "sampling/stop/stop_signal.h"

#pragma GCC visibility push(hidden)
extern "C" {
extern const char hpje_je_arena_emap_global[];
extern const char hpje_je_bin_infos[];
extern const size_t hpje_je_sz_index2size_tab[];
extern const unsigned hpje_je_nhbins;
}
#pragma GCC visibility pop

namespace heapprof {
namespace {

using namespace jemalloc;  // of constants

constexpr uintptr_t kPageMask = (uintptr_t{1} << kPageShift) - 1;

std::atomic<bool> g_records_may_vanish{false};

uint64_t Word(const char* record, size_t offset) {
  uint64_t word;
  memcpy(&word, record + offset, sizeof(word));
  return word;
}

void Fill(const char* record, const PageWord& page, HeapExtent* extent) {
  using Use = HeapExtent::Use;
  const uint64_t bits = Word(record, kBits), state = bits >> kStateShift & kStateMask;
  extent->size_class = page.size_class;
  extent->block = Word(record, kAddress);
  extent->blocks = 1;
  extent->free = 0;
  extent->free_bits = 0;
  if (state != kActive) {
    extent->use = state == kDirty      ? Use::kDirty
                  : state == kMuzzy    ? Use::kMuzzy
                  : state == kRetained ? Use::kRetained
                                       : Use::kUnknown;
    return;
  }
  extent->use = page.slab ? Use::kSlab : Use::kLarge;
  if (extent->use == Use::kLarge) {
    if (extent->size_class >= kMaxSizeClasses) extent->use = Use::kUnknown;
    return;
  }
  if (extent->size_class >= kSmallClasses) {
    extent->use = Use::kUnknown;
    return;
  }
  uint32_t blocks;
  memcpy(&blocks, hpje_je_bin_infos + kBinInfoBytes * extent->size_class + kBinBlocks, sizeof(blocks));
  extent->blocks = blocks;
  const uint64_t free = bits >> kFreeShift & kFreeMask;
  extent->free = free < blocks ? static_cast<uint32_t>(free) : blocks;
  extent->free_bits = Word(record, kFreeBits);
}

bool ExtentAt(uintptr_t address, HeapExtent* extent) {
  const char* leaf = LeafOf(hpje_je_arena_emap_global + kRootOffset, address);
  if (leaf == nullptr) return false;
  const PageWord page = WordOf(leaf, address);
  if (page.record == 0) return false;
  alignas(uint64_t) char copy[kRecordBytes];
  const char* record = reinterpret_cast<const char*>(page.record);
  // relaxed: an arena of the program's that is made now is one whose records do not go this soon.
  if (g_records_may_vanish.load(std::memory_order_relaxed)) {
    if (RawReadOwnMemory(record, copy, sizeof(copy)) != static_cast<ssize_t>(sizeof(copy))) return false;
  } else {
    // Once, as it may change: what is checked is what is used.
    for (size_t i = 0; i < sizeof(copy); i += sizeof(uint64_t)) {
      const uint64_t part = LoadWord(record + i);
      memcpy(copy + i, &part, sizeof(part));
    }
  }
  record = copy;
  const uintptr_t start = Word(record, kAddress) & ~kPageMask;
  const uintptr_t size = Word(record, kSize) & ~kPageMask;
  if (start != address || size == 0) return false;
  extent->start = start;
  extent->end = start + size;
  Fill(record, page, extent);
  return true;
}

uintptr_t g_record_below;  // the control block, in bytes

void AddCached(uintptr_t control_block, CachedBlocks* sum) {
  constexpr size_t kClasses = (kBackendThreadBytes - JE_BINS) / JE_BIN_SIZE;
  char bins[kClasses * JE_BIN_SIZE];
  const size_t classes = hpje_je_nhbins < kClasses ? hpje_je_nhbins : kClasses;
  const size_t bytes = classes * JE_BIN_SIZE;
  const uintptr_t record = control_block - g_record_below;
  if (RawReadOwnMemory(reinterpret_cast<const void*>(record + JE_BINS), bins, bytes) !=
      static_cast<ssize_t>(bytes)) {
    return;
  }
  for (size_t i = 0; i < classes; ++i) {
    const char* bin = bins + i * JE_BIN_SIZE;
    if (Word(bin, JE_BIN_TOP) == 0) continue;
    uint16_t empty;
    memcpy(&empty, bin + JE_BIN_EMPTY, sizeof(empty));
    const auto room = static_cast<uint16_t>(empty - static_cast<uint16_t>(Word(bin, JE_BIN_TOP)));
    sum->of[i] += room / sizeof(void*);
  }
}

size_t ClassSize(uint32_t size_class) {
  constexpr uint32_t kClasses = 232;
  return size_class < kClasses ? hpje_je_sz_index2size_tab[size_class] : 0;
}

size_t RoundToClass(size_t size) {
  constexpr size_t kSmallest = 8, kFirstDoubling = 128;
  if (size <= kSmallest) return kSmallest;
  if (size <= kFirstDoubling) return (size + kQuantum - 1) & ~(kQuantum - 1);
  // Four classes a doubling.
  const int top = 63 - __builtin_clzl(size - 1);
  const size_t step = size_t{1} << (top - 2);
  return (size + step - 1) & ~(step - 1);
}

size_t Usable(size_t size, size_t alignment) {
  constexpr size_t kLargestSmall = JE_LARGEST_SMALL, kSmallestLarge = JE_SMALLEST_LARGE;
  const size_t aligned = (size + alignment - 1) & ~(alignment - 1);
  if (aligned <= kLargestSmall && alignment <= kPageMask + 1) {
    return RoundToClass(aligned == 0 ? 1 : aligned);
  }
  return size <= kSmallestLarge ? kSmallestLarge : RoundToClass(size);
}

constexpr HeapView kView = {ExtentAt, AddCached, ClassSize, Usable};

}  // namespace

void RecordsMayVanish() { g_records_may_vanish.store(true, std::memory_order_relaxed); }

void ShowHeapPages() {
  bool retains = false;
  size_t size = sizeof(retains);
  hpje_mallctl("opt.retain", &retains, &size, nullptr, 0);
  if (!retains) RecordsMayVanish();
  g_record_below = ControlBlock() - reinterpret_cast<uintptr_t>(&hpje_je_tsd_tls);
  if (HEAPPROF_JEMALLOC_PAGES != 0) SetHeapView(&kView);
}

}  // namespace heapprof
