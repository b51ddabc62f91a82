// SPDX-License-Identifier: Apache-2.0
#include "leak/search/block_index.h"

#include "base/system/raw_syscall.h"
#include "sampling/heap/heap_tables.h"

namespace heapprof::leak {

BlockIndex::~BlockIndex() {
  if (chunks_ != nullptr) {
    for (size_t i = 0; i < chunk_count_; ++i) {
      if (chunks_[i] != nullptr) RawUnmap(chunks_[i], sizeof(Chunk));
    }
    RawUnmap(chunks_, chunk_count_ * sizeof(void*));
  }
  if (blocks_ != nullptr) RawUnmap(blocks_, count_ * sizeof(Block));
  if (tags_ != nullptr) RawUnmap(tags_, count_ * sizeof(uint32_t));
}

uint64_t BlockIndex::LargeSize(uint32_t block) const { return HeapBuckets().At(blocks_[block].bucket)->size; }

void BlockIndex::Measure(void* self, uintptr_t address, uint32_t bucket, uint32_t) {
  auto* index = static_cast<BlockIndex*>(self);
  if (address < index->low_) index->low_ = address;
  uintptr_t end = address + HeapBuckets().At(bucket)->size + sizeof(uint64_t) + 1;
  if (end > index->high_) index->high_ = end;
}

void BlockIndex::Mark(void* self, uintptr_t address, uint32_t, uint32_t) {
  auto* index = static_cast<BlockIndex*>(self);
  Chunk*& chunk = index->chunks_[(address >> kChunkShift) - index->first_chunk_];
  if (chunk == nullptr) chunk = static_cast<Chunk*>(RawMap(sizeof(Chunk)));
  if (chunk == nullptr) {
    index->failed_ = true;
    return;
  }
  uint32_t place = (address >> kGrainShift) & (kGrains - 1);
  Page& page = chunk->pages[(address >> kPageShift) & (kPagesPerChunk - 1)];
  uint64_t bit = uint64_t{1} << (place % 64);
  if ((page.begins[place / 64] & bit) == 0)
    ++index->count_;  // else a writer was stopped as it moved the entry
  page.begins[place / 64] |= bit;
}

void BlockIndex::Place(void* self, uintptr_t address, uint32_t bucket, uint32_t tag) {
  auto* index = static_cast<BlockIndex*>(self);
  Placement& slot = index->ahead_[index->ahead_at_++ % kAhead];
  Placement due = slot;
  slot = {address, bucket, tag};
  if (address != 0) index->PrefetchPage(address);
  if (due.address != 0) index->PlaceNow(due.address, due.bucket, due.tag);
}

void BlockIndex::PlaceNow(uintptr_t address, uint32_t bucket, uint32_t tag) {
  const Page& page =
      chunks_[(address >> kChunkShift) - first_chunk_]->pages[(address >> kPageShift) & (kPagesPerChunk - 1)];
  uint32_t place = (address >> kGrainShift) & (kGrains - 1);
  uint32_t block = page.before;
  for (uint32_t word = 0; word < place / 64; ++word) block += Ones(page.begins[word]);
  block += Ones(page.begins[place / 64] & ((uint64_t{1} << (place % 64)) - 1));
  uint64_t size = HeapBuckets().At(bucket)->size;
  blocks_[block] = {address, bucket, size < kLarge ? static_cast<uint32_t>(size) : kLarge};
  tags_[block] = tag;
}

bool BlockIndex::Build() {
  LiveSamples().ForEach(Measure, this);
  if (low_ > high_) return true;  // no block at all
  span_ = high_ - low_;
  first_chunk_ = low_ >> kChunkShift;
  chunk_count_ = (high_ >> kChunkShift) - first_chunk_ + 1;
  chunks_ = static_cast<Chunk**>(RawMap(chunk_count_ * sizeof(void*)));
  if (chunks_ == nullptr) return false;
  LiveSamples().ForEach(Mark, this);
  if (failed_) return false;
  uint32_t before = 0;
  for (size_t i = 0; i < chunk_count_; ++i) {
    if (chunks_[i] == nullptr) continue;
    for (Page& page : chunks_[i]->pages) {
      page.before = before;
      for (uint64_t bits : page.begins) before += Ones(bits);
    }
  }
  blocks_ = static_cast<Block*>(RawMapTable(count_ * sizeof(Block)));
  tags_ = static_cast<uint32_t*>(RawMapTable(count_ * sizeof(uint32_t)));
  if (blocks_ == nullptr || tags_ == nullptr) return false;
  LiveSamples().ForEach(Place, this);
  for (uint32_t i = 0; i < kAhead; ++i) Place(this, 0, 0, 0);
  // Chunks that hold no beginning but the tail of a block that began before.
  for (uint32_t block = 0; block < count_; ++block) {
    if (blocks_[block].size < (1u << kPageShift)) continue;
    uintptr_t last = blocks_[block].start + size(block) - 1;
    for (uintptr_t chunk = (blocks_[block].start >> kChunkShift) + 1; chunk <= last >> kChunkShift; ++chunk) {
      Chunk*& there = chunks_[chunk - first_chunk_];
      if (there != nullptr) continue;
      there = static_cast<Chunk*>(RawMap(sizeof(Chunk)));
      if (there == nullptr) return false;
      for (Page& page : there->pages) page.before = block + 1;
    }
  }
  return true;
}

void BlockIndex::NoteUnreadable(const MemoryMap& map) {
  constexpr uintptr_t kChunkBytes = uintptr_t{1} << kChunkShift;
  for (size_t i = 0; i < chunk_count_; ++i) {
    if (chunks_[i] == nullptr) continue;
    uintptr_t begin = (first_chunk_ + i) << kChunkShift, end = begin + kChunkBytes;
    // Everything but the readable mappings.
    for (uintptr_t at = begin; at < end;) {
      const Mapping* mapping = map.FindFrom(at);
      if (mapping != nullptr && mapping->start <= at && mapping->readable) {
        at = mapping->end;
        continue;
      }
      uintptr_t next = end;
      if (mapping != nullptr) next = mapping->start > at ? mapping->start : mapping->end;
      for (; at < next && at < end; at += uintptr_t{1} << kPageShift) {
        chunks_[i]->pages[(at >> kPageShift) & (kPagesPerChunk - 1)].unreadable = 1;
      }
    }
  }
}

}  // namespace heapprof::leak
