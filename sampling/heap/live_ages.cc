// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/live_ages.h"

#include <errno.h>

#include <algorithm>

#include "base/system/raw_syscall.h"

namespace heapprof {

LiveAges::~LiveAges() {
  if (memory_ != nullptr) RawUnmap(memory_, bytes_);
}

int LiveAges::Read(const LiveTable& table, uint32_t buckets, int64_t now) {
  uint64_t most = 0;
  for (uint32_t shard = 0; shard < LiveTable::kShards; ++shard) most = std::max(most, table.SlotsOf(shard));
  most *= 2;  // it may double meanwhile
  // No more cells than there are blocks; those of buckets 0 and cell 0 are not used.
  constexpr uint64_t kSlack = 4096;
  const uint64_t cells =
      std::min<uint64_t>(table.Count() + kSlack, uint64_t{buckets} * HeapLifetimes::kClasses) + 1;
  const size_t births_bytes = sizeof(LiveTable::Born) * most, cells_bytes = sizeof(Cell) * cells;
  bytes_ = births_bytes + cells_bytes + sizeof(uint32_t) * (size_t{buckets} + 1);
  memory_ = RawMap(bytes_);
  if (memory_ == nullptr) return -ENOMEM;
  auto* births = static_cast<LiveTable::Born*>(memory_);
  cells_ = reinterpret_cast<Cell*>(births + most);
  heads_ = reinterpret_cast<uint32_t*>(cells_ + cells);
  buckets_ = buckets;
  capacity_ = static_cast<uint32_t>(std::min<uint64_t>(cells - 1, UINT32_MAX));
  for (uint32_t shard = 0; shard < LiveTable::kShards; ++shard) {
    const uint64_t count = std::min(table.CopyBirths(shard, births, most), most);
    for (uint64_t i = 0; i < count; ++i) Count(births[i].bucket, now - births[i].birth);
  }
  return 0;
}

void LiveAges::Count(uint32_t id, int64_t age) {
  if (id == 0 || id > buckets_) return;  // made meanwhile
  if (age < 0) age = 0;                  // born meanwhile
  const auto of_class = static_cast<uint32_t>(HeapLifetimes::ClassOf(age));
  uint32_t at = heads_[id];
  while (at != 0 && cells_[at].of_class != of_class) at = cells_[at].next;
  if (at == 0) {
    if (used_ == capacity_) return;
    at = ++used_;
    cells_[at] = {heads_[id], of_class, 0, 0};
    heads_[id] = at;
  }
  ++cells_[at].count;
  cells_[at].nanos += static_cast<double>(age);
}

bool LiveAges::At(uint32_t id, Ages* ages) const {
  if (id > buckets_ || heads_[id] == 0) return false;
  *ages = {};
  for (uint32_t at = heads_[id]; at != 0; at = cells_[at].next) {
    const Cell& cell = cells_[at];
    ages->count[cell.of_class] = cell.count;
    ages->mean[cell.of_class] = static_cast<int64_t>(cell.nanos / static_cast<double>(cell.count));
  }
  return true;
}

}  // namespace heapprof
