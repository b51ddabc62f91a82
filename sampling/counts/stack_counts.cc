// SPDX-License-Identifier: Apache-2.0
#include "sampling/counts/stack_counts.h"

#include "base/hash.h"

namespace heapprof {
namespace {

constexpr uint32_t kFirstHeads = 512;

constexpr uint64_t kNoHash = 0;

uint64_t EntryHash(const StackCounts::Key& key) {
  uint64_t hash =
      MixBits(key.hash ^ (uint64_t{key.labels} << 32) ^ (uint64_t{key.truncated} << 31) ^ key.depth);
  return hash == kNoHash ? 1 : hash;
}

}  // namespace

bool StackCounts::Init() {
  IdIndex none;
  if (!heads_.Grow(kFirstHeads, &none) || !addresses_.Init() || !entries_.Reserve(kOverflow, 1)) {
    Free();
    return false;
  }
  count_.store(kOverflow, std::memory_order_release);
  return true;
}

void StackCounts::Free() {
  heads_.Free();
  addresses_.Free();
  entries_.Free();
  words_.Free();
  count_.store(0, std::memory_order_relaxed);
  next_word_ = 0;
}

void StackCounts::GrowHeads() {
  IdIndex old;
  if (!heads_.Grow(kFirstHeads, &old)) return;  // chains grow longer, that is all
  uint32_t count = count_.load(std::memory_order_relaxed);
  for (uint32_t id = kOverflow + 1; id <= count; ++id) {
    CountedStack* entry = entries_.At(id);
    uint32_t* head = heads_.At(entry->hash);
    entry->next = *head;
    *head = id;
  }
  old.Free();
}

// False: no memory; nothing was added but, maybe, locations.
bool StackCounts::Add(const Key& key, uint64_t hash) {
  constexpr uint32_t kChunk = decltype(words_)::kChunkSize;
  uint32_t words = next_word_;
  if (key.depth > kChunk) return false;
  if (words % kChunk + key.depth > kChunk)
    words = (words / kChunk + 1) * kChunk;  // a stack lies in one chunk
  uint32_t id = count_.load(std::memory_order_relaxed) + 1;
  if (!entries_.Reserve(id, 1) || (key.depth > 0 && !words_.Reserve(words, key.depth))) return false;
  for (uint32_t i = 0; i < key.depth; ++i) {
    uint64_t address = key.pcs[i] - (i == 0 && key.exact_leaf ? 0 : 1);
    uint32_t location = addresses_.Intern(address);
    if (location == 0) return false;
    *words_.At(words + i) = location;
  }
  next_word_ = words + key.depth;
  CountedStack* entry = entries_.At(id);
  entry->hash = hash;
  entry->words = words;
  entry->depth = key.depth;
  entry->labels = key.labels;
  entry->truncated = key.truncated;
  uint32_t* head = heads_.At(hash);
  entry->next = *head;
  *head = id;
  // release: the entry before the count that covers it.
  count_.store(id, std::memory_order_release);
  return true;
}

uint32_t StackCounts::FindOrAdd(const Key& key) {
  uint64_t hash = EntryHash(key);
  for (uint32_t id = *heads_.At(hash); id != 0;) {
    const CountedStack& entry = *entries_.At(id);
    if (entry.hash == hash && entry.depth == key.depth && entry.labels == key.labels) return id;
    id = entry.next;
  }
  if (count_.load(std::memory_order_relaxed) >= heads_.size) GrowHeads();
  return Add(key, hash) ? count_.load(std::memory_order_relaxed) : kOverflow;
}

bool StackCounts::HasLocationIn(uint64_t start, uint64_t limit) const {
  return addresses_.Any([=](uint64_t address) { return address - start < limit - start; });
}

void StackCounts::MoveLocations(uint64_t start, uint64_t limit, uint64_t to) {
  uint32_t count = count_.load(std::memory_order_relaxed);
  for (uint32_t id = kOverflow + 1; id <= count; ++id) {
    CountedStack* entry = entries_.At(id);
    const uint32_t* locations = LocationsOf(*entry);
    for (uint32_t i = 0; i < entry->depth; ++i) {
      // No stack has this hash. The chain that the entry is in stays as it is.
      if (AddressOf(locations[i]) - start < limit - start) entry->hash = kNoHash;
    }
  }
  addresses_.MoveAll(to - start, [=](uint64_t address) { return address - start < limit - start; });
}

}  // namespace heapprof
