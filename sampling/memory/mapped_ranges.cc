// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/mapped_ranges.h"

#include <string.h>

#include <algorithm>

#include "base/memory/arena.h"

namespace heapprof {

MappedRanges::Place MappedRanges::FirstEndingAfter(uintptr_t address) const {
  // Chunks are never empty, so that the last range of each tells where it ends.
  uint32_t low = 0, high = chunk_count_;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    const Chunk& chunk = *chunks_[middle];
    if (chunk.ranges[chunk.count - 1].end > address) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  if (low == chunk_count_) return {low, 0};
  const Chunk& chunk = *chunks_[low];
  const MappedRange* found =
      std::upper_bound(chunk.ranges, chunk.ranges + chunk.count, address,
                       [](uintptr_t value, const MappedRange& range) { return value < range.end; });
  return {low, static_cast<uint32_t>(found - chunk.ranges)};
}

MappedRanges::Place MappedRanges::Next(Place place) const {
  return place.range + 1 < chunks_[place.chunk]->count ? Place{place.chunk, place.range + 1}
                                                       : Place{place.chunk + 1, 0};
}

MappedRanges::Chunk* MappedRanges::NewChunk() {
  Chunk* chunk = free_;
  if (chunk == nullptr) return static_cast<Chunk*>(MapMetadata(sizeof(Chunk)));
  free_ = chunk->next_free;
  return chunk;
}

// Moves the upper half of a full chunk to a new one behind it.
bool MappedRanges::Split(uint32_t at) {
  Chunk* made = chunk_count_ < kMaxChunks ? NewChunk() : nullptr;
  if (made == nullptr) return false;
  Chunk* full = chunks_[at];
  const uint32_t kept = full->count / 2;
  made->count = full->count - kept;
  memcpy(made->ranges, full->ranges + kept, made->count * sizeof(MappedRange));
  std::copy_backward(chunks_ + at + 1, chunks_ + chunk_count_, chunks_ + chunk_count_ + 1);
  chunks_[at + 1] = made;
  ++chunk_count_;
  full->count = kept;
  return true;
}

// Before the range at `place`.
bool MappedRanges::Insert(Place place, const MappedRange& range) {
  if (chunks_ == nullptr) {
    auto* made = static_cast<ChunkTable*>(MapMetadata(sizeof(ChunkTable)));
    if (made == nullptr) return false;
    chunks_ = made->chunks;
  }
  if (chunk_count_ == 0) {
    Chunk* made = NewChunk();
    if (made == nullptr) return false;
    made->count = 0;
    chunks_[chunk_count_++] = made;
  }
  // Behind the last one of all.
  if (IsEnd(place)) place = {chunk_count_ - 1, chunks_[chunk_count_ - 1]->count};
  if (chunks_[place.chunk]->count == kChunkRanges) {
    if (!Split(place.chunk)) return false;
    const uint32_t kept = chunks_[place.chunk]->count;
    if (place.range > kept) place = {place.chunk + 1, place.range - kept};
  }
  Chunk* chunk = chunks_[place.chunk];
  MappedRange* to = chunk->ranges + place.range;
  memmove(to + 1, to, (chunk->count - place.range) * sizeof(MappedRange));
  *to = range;
  ++chunk->count;
  ++count_;
  return true;
}

void MappedRanges::Erase(Place place) {
  Chunk* chunk = chunks_[place.chunk];
  MappedRange* at = chunk->ranges + place.range;
  memmove(at, at + 1, (chunk->count - place.range - 1) * sizeof(MappedRange));
  --chunk->count;
  --count_;
  if (chunk->count != 0) return;
  std::copy(chunks_ + place.chunk + 1, chunks_ + chunk_count_, chunks_ + place.chunk);
  --chunk_count_;
  chunk->next_free = free_;
  free_ = chunk;
}

uint32_t MappedRanges::Remove(uintptr_t start, uintptr_t end) {
  uint32_t stack = 0;
  while (start < end) {
    const Place place = FirstEndingAfter(start);
    if (IsEnd(place)) break;
    MappedRange& range = At(place);
    if (range.start >= end) break;
    if (range.start <= start && range.end >= end) stack = range.stack;
    if (range.start < start && range.end > end) {
      const MappedRange behind = {end, range.end, range.stack, range.alone};
      range.end = start;
      Insert({place.chunk, place.range + 1}, behind);
      break;
    }
    if (range.start < start) {
      range.end = start;
    } else if (range.end > end) {
      range.start = end;
    } else {
      Erase(place);
    }
  }
  return stack;
}

bool MappedRanges::Add(const MappedRange& added) {
  if (added.start >= added.end) return true;
  Remove(added.start, added.end);
  const auto joins = [&](const MappedRange& other) {
    return other.stack == added.stack && other.alone == 0 && added.alone == 0;
  };
  // What ends where this begins ends after the byte before.
  Place place = added.start == 0 ? Place{0, 0} : FirstEndingAfter(added.start - 1);
  if (!IsEnd(place) && At(place).end == added.start) {
    MappedRange& before = At(place);
    place = Next(place);
    if (joins(before)) {
      before.end = added.end;
      if (!IsEnd(place) && At(place).start == added.end && joins(At(place))) {
        before.end = At(place).end;
        Erase(place);
      }
      return true;
    }
  }
  if (!IsEnd(place) && At(place).start == added.end && joins(At(place))) {
    At(place).start = added.start;
    return true;
  }
  return Insert(place, added);
}

bool MappedRanges::Find(uintptr_t address, MappedRange* range) const {
  const Place place = FirstEndingAfter(address);
  if (IsEnd(place) || At(place).start > address) return false;
  *range = At(place);
  return true;
}

void MappedRanges::Clear() {
  while (chunk_count_ != 0) {
    Chunk* chunk = chunks_[--chunk_count_];
    chunk->next_free = free_;
    free_ = chunk;
  }
  count_ = 0;
}

size_t MappedRanges::Copy(MappedRange* out, size_t capacity) const {
  size_t copied = 0;
  for (uint32_t i = 0; i < chunk_count_ && copied < capacity; ++i) {
    const size_t part = std::min<size_t>(std::min(chunks_[i]->count, kChunkRanges), capacity - copied);
    memcpy(out + copied, chunks_[i]->ranges, part * sizeof(MappedRange));
    copied += part;
  }
  return copied;
}

}  // namespace heapprof
