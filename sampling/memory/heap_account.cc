// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/heap_account.h"

#include <algorithm>

#include "base/system/raw_syscall.h"
#include "sampling/heap/heap_tables.h"

namespace heapprof {
namespace {

constexpr uintptr_t kPageMask = 4095;
// Samples in smaller ones are counted by their buckets.
constexpr uint64_t kSmallestFound = 4096;

void Count(MemoryBytes* sum, uint64_t resident, uint64_t mapped) {
  sum->resident += resident;
  sum->mapped += mapped;
}

}  // namespace

HeapAccount::~HeapAccount() {
  if (found_ != nullptr) RawUnmap(found_, (size_t{buckets_} + 1) * sizeof(FoundBlocks));
}

bool HeapAccount::Init(uint32_t buckets) {
  buckets_ = buckets;
  found_ = static_cast<FoundBlocks*>(RawMap((size_t{buckets} + 1) * sizeof(FoundBlocks)));
  return found_ != nullptr;
}

void HeapAccount::CountLive(uint32_t size_class, uint64_t resident, uint64_t mapped) {
  Count(&live_, resident, mapped);
  if (size_class < kMaxSizeClasses) Count(&taken_[size_class], resident, mapped);
}

void HeapAccount::AddSlab(const HeapExtent& extent, uint64_t resident) {
  const uint64_t mapped = extent.end - extent.start;
  const uint64_t size = GetHeapView()->class_size(extent.size_class);
  const uint64_t used = std::min((extent.blocks - extent.free) * size, mapped);
  const uint64_t used_resident = std::min(used, resident);
  CountLive(extent.size_class, used_resident, used);
  Count(&used_[extent.size_class], used_resident, used);
  Count(&slabs_[extent.size_class], resident - used_resident, mapped - used);
  // What is read of a slab that changes need not fit: all of it free, and yet with blocks in use.
  if (size < kSmallestFound || used == 0) return;
  for (uint32_t i = 0; i < extent.blocks && i < 64; ++i) {
    if ((extent.free_bits >> i & 1) != 0) continue;
    const uint32_t id = LiveSamples().Peek(extent.block + i * size);
    if (id == 0 || id > buckets_) continue;
    const uint64_t asked = std::min(HeapBuckets().At(id)->size, size);
    FoundBlocks& found = found_[id];
    ++found.count;
    found.usable += size;
    found.asked += asked * used_resident / used;
    found.rest += (size - asked) * used_resident / used;
  }
}

double HeapAccount::ResidentShare(size_t block_size) const {
  uint32_t i = 0;
  while (i + 1 < kMaxSizeClasses && GetHeapView()->class_size(i) < block_size) {
    ++i;
  }
  const MemoryBytes& used = used_[i];
  return used.mapped == 0 ? 1 : static_cast<double>(used.resident) / static_cast<double>(used.mapped);
}

// Alone in its extent.
void HeapAccount::AddBlock(const HeapExtent& extent, ResidentPages* pages) {
  const uint64_t mapped = extent.end - extent.start;
  const uint32_t id = LiveSamples().Peek(extent.block);
  if (id == 0 || id > buckets_) return CountLive(extent.size_class, pages->Take(extent.end).all(), mapped);
  const uint64_t asked = std::min(HeapBuckets().At(id)->size, extent.end - extent.block);
  const uintptr_t asked_end = (extent.block + asked + kPageMask) & ~kPageMask;
  const uint64_t of_asked = pages->Take(std::min(asked_end, extent.end)).all();
  const uint64_t resident = of_asked + pages->Take(extent.end).all();
  CountLive(extent.size_class, resident, mapped);
  FoundBlocks& found = found_[id];
  ++found.count;
  found.usable += mapped;
  found.asked += std::min(of_asked, asked);
  found.rest += resident - std::min(of_asked, asked);
}

void HeapAccount::Add(const HeapExtent& extent, ResidentPages* pages) {
  using Use = HeapExtent::Use;
  const bool alone =
      extent.use == Use::kLarge || (extent.use == Use::kSlab && extent.blocks == 1 && extent.free == 0);
  if (alone) return AddBlock(extent, pages);
  const uint64_t resident = pages->Take(extent.end).all(), mapped = extent.end - extent.start;
  switch (extent.use) {
    case Use::kSlab:
      return AddSlab(extent, resident);
    case Use::kDirty:
      return Count(&dirty_, resident, mapped);
    case Use::kMuzzy:
      return Count(&muzzy_, resident, mapped);
    case Use::kRetained:
      return Count(&retained_, resident, mapped);
    default:
      return Count(&unknown_, resident, mapped);
  }
}

void HeapAccount::TakeCached(const CachedBlocks& cached) {
  for (uint32_t i = 0; i < kMaxSizeClasses; ++i) {
    if (cached.of[i] == 0) continue;
    // A cache is filled with blocks that nobody has touched yet. What is resident is the live blocks' first.
    const uint64_t mapped = std::min(cached.of[i] * GetHeapView()->class_size(i), taken_[i].mapped);
    const uint64_t live = taken_[i].mapped - mapped;
    const uint64_t resident = taken_[i].resident - std::min(live, taken_[i].resident);
    live_.resident -= resident;
    live_.mapped -= mapped;
    Count(&cached_, resident, mapped);
  }
}

}  // namespace heapprof
