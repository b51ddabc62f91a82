// SPDX-License-Identifier: Apache-2.0
#include "sampling/cpu/profile_buffer.h"

namespace heapprof::cpu {

bool ProfileBuffer::Write(const Record& record) {
  uint64_t need = kHeaderWords + record.depth;
  uint64_t at = reserved_.load(std::memory_order_relaxed);
  do {
    // acquire: the zeros that the reader wrote there come before our words.
    if (at + need - read_.load(std::memory_order_acquire) > capacity()) {
      CountLost(record.weight);
      return false;
    }
  } while (!reserved_.compare_exchange_weak(at, at + need, std::memory_order_relaxed));
  At(at + 1).store(static_cast<uint64_t>(record.time), std::memory_order_relaxed);
  At(at + 2).store(uint64_t{record.labels} << 32 | record.weight, std::memory_order_relaxed);
  At(at + 3).store(record.hash, std::memory_order_relaxed);
  At(at + 4).store(record.clock, std::memory_order_relaxed);
  for (uint32_t i = 0; i < record.depth; ++i) {
    At(at + kHeaderWords + i).store(record.pcs[i], std::memory_order_relaxed);
  }
  // release: the record before the word that says it is there.
  uint64_t flags = kReady | uint64_t{record.truncated} << kTruncatedShift | (record.end ? kEnd : 0);
  At(at).store(flags | record.depth, std::memory_order_release);
  return true;
}

bool ProfileBuffer::Read(Record* record, uintptr_t* pcs, uint32_t max) {
  uint64_t at = read_.load(std::memory_order_relaxed);
  // acquire: pairs with the release in Write.
  uint64_t first = At(at).load(std::memory_order_acquire);
  if ((first & kReady) == 0) return false;
  auto depth = static_cast<uint32_t>(first);
  uint64_t labels_weight = At(at + 2).load(std::memory_order_relaxed);
  record->time = static_cast<int64_t>(At(at + 1).load(std::memory_order_relaxed));
  record->labels = static_cast<uint32_t>(labels_weight >> 32);
  record->weight = static_cast<uint32_t>(labels_weight);
  record->hash = At(at + 3).load(std::memory_order_relaxed);
  record->clock = At(at + 4).load(std::memory_order_relaxed);
  record->truncated = static_cast<Truncation::Kind>(first >> kTruncatedShift & kTruncatedMask);
  record->end = (first & kEnd) != 0;
  record->depth = depth < max ? depth : max;
  record->pcs = pcs;
  for (uint32_t i = 0; i < record->depth; ++i) {
    pcs[i] = At(at + kHeaderWords + i).load(std::memory_order_relaxed);
  }
  uint64_t end = at + kHeaderWords + depth;
  for (; at != end; ++at) At(at).store(0, std::memory_order_relaxed);
  // release: the zeros before the room is given back.
  read_.store(end, std::memory_order_release);
  return true;
}

}  // namespace heapprof::cpu
