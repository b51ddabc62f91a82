// SPDX-License-Identifier: Apache-2.0
#include "sampling/counts/stack_values.h"

namespace heapprof {

// acquire and release of the words themselves: a reader that sees a word of the turn after next sees the turn
// before that too, and reads again. (A fence would do; ThreadSanitizer does not know fences.)
StackValues::Wide StackValues::Sums::At(size_t i) const {
  const Wide high = words[2 * i + 1].load(std::memory_order_acquire);
  return high << 64 | words[2 * i].load(std::memory_order_acquire);
}

void StackValues::Sums::Set(size_t i, Wide sum) {
  words[2 * i].store(static_cast<uint64_t>(sum), std::memory_order_release);
  words[2 * i + 1].store(static_cast<uint64_t>(sum >> 64), std::memory_order_release);
}

bool StackValues::Reserve(uint32_t id) {
  constexpr uint32_t kChunk = decltype(cells_)::kChunkSize;
  for (uint32_t limit = limit_.load(std::memory_order_relaxed); limit <= id; limit += kChunk) {
    if (!cells_.Reserve(limit, kChunk)) return false;
    // release: the cells before the limit that covers them.
    limit_.store(limit + kChunk, std::memory_order_release);
  }
  return true;
}

void StackValues::Free() {
  cells_.Free();
  limit_.store(0, std::memory_order_relaxed);
}

void StackValues::Change(uint32_t id, StackValue value, bool take) {
  Cell* cell = cells_.At(id);
  const uint64_t turn = cell->turn.load(std::memory_order_relaxed);
  const Sums& now = cell->sums[turn & 1];
  Sums& next = cell->sums[(turn + 1) & 1];
  const int64_t parts[] = {value.count, value.amount};
  for (size_t i = 0; i < 2; ++i) {
    const auto part = static_cast<Wide>(parts[i]);
    next.Set(i, take ? now.At(i) - part : now.At(i) + part);
  }
  // release: the sums before the turn that points to them.
  cell->turn.store(turn + 1, std::memory_order_release);
}

StackValue StackValues::Read(uint32_t id) const {
  if (id >= limit_.load(std::memory_order_acquire)) return {0, 0};
  const Cell* cell = cells_.At(id);
  const auto clipped = [](Wide sum) {
    return sum > static_cast<Wide>(INT64_MAX) ? INT64_MAX : static_cast<int64_t>(sum);
  };
  for (;;) {
    // acquire: pairs with the release in Change.
    const uint64_t turn = cell->turn.load(std::memory_order_acquire);
    const Sums& sums = cell->sums[turn & 1];
    const StackValue value = {clipped(sums.At(0)), clipped(sums.At(1))};
    // A turn later these are still good: its writer wrote the others. But the next one writes here, and what
    // it writes may have been read only if it has turned since.
    if (cell->turn.load(std::memory_order_relaxed) == turn) return value;
  }
}

}  // namespace heapprof
