#include "sampling/stack_counts.h"

#include "sampling/sampler.h"

namespace heapprof {
namespace {

constexpr uint32_t kFirstAddresses = 1024, kFirstHeads = 512;

uint64_t EntryHash(const StackCounts::Key& key) {
  return MixBits(key.hash ^ (uint64_t{key.labels} << 32) ^ (uint64_t{key.truncated} << 31) ^ key.depth);
}

}  // namespace

bool StackCounts::Index::Grow(uint32_t first_size, Index* old) {
  uint32_t new_size = size == 0 ? first_size : size * 4;
  if (new_size == 0) return false;
  void* memory = MapMetadata(uint64_t{new_size} * sizeof(uint32_t));
  if (memory == nullptr) return false;
  *old = *this;
  slots = static_cast<uint32_t*>(memory);
  size = new_size;
  return true;
}

void StackCounts::Index::Free() {
  if (slots != nullptr) UnmapMetadata(slots, uint64_t{size} * sizeof(uint32_t));
  slots = nullptr;
  size = 0;
}

bool StackCounts::Init() {
  Index none;
  if (!heads_.Grow(kFirstHeads, &none) || !address_index_.Grow(kFirstAddresses, &none) ||
      !entries_.Reserve(kOverflow, 1)) {
    Free();
    return false;
  }
  count_.store(kOverflow, std::memory_order_release);
  return true;
}

void StackCounts::Free() {
  heads_.Free();
  address_index_.Free();
  addresses_.Free();
  entries_.Free();
  words_.Free();
  count_.store(0, std::memory_order_relaxed);
  location_count_.store(0, std::memory_order_relaxed);
  next_word_ = 0;
}

uint32_t* StackCounts::AddressSlot(uint64_t address) {
  uint32_t mask = address_index_.size - 1;
  for (uint32_t at = static_cast<uint32_t>(MixBits(address)) & mask;; at = (at + 1) & mask) {
    uint32_t id = address_index_.slots[at];
    if (id == 0 || *addresses_.At(id) == address) return &address_index_.slots[at];
  }
}

bool StackCounts::GrowAddresses() {
  Index old;
  if (!address_index_.Grow(kFirstAddresses, &old)) return false;
  for (uint32_t i = 0; i < old.size; ++i) {
    if (old.slots[i] != 0) *AddressSlot(*addresses_.At(old.slots[i])) = old.slots[i];
  }
  old.Free();
  return true;
}

// 0: no memory.
uint32_t StackCounts::InternAddress(uint64_t address) {
  uint32_t count = location_count_.load(std::memory_order_relaxed);
  if (count + 1 > address_index_.size / 2 && !GrowAddresses() && count + 2 >= address_index_.size) return 0;
  uint32_t* slot = AddressSlot(address);
  if (*slot != 0) return *slot;
  uint32_t id = count + 1;
  if (!addresses_.Reserve(id, 1)) return 0;
  *addresses_.At(id) = address;
  *slot = id;
  // release: the address before the count that covers it.
  location_count_.store(id, std::memory_order_release);
  return id;
}

void StackCounts::GrowHeads() {
  Index old;
  if (!heads_.Grow(kFirstHeads, &old)) return;  // chains grow longer, that is all
  uint32_t count = count_.load(std::memory_order_relaxed);
  for (uint32_t id = kOverflow + 1; id <= count; ++id) {
    StackCount* entry = entries_.At(id);
    uint32_t* head = HeadOf(entry->hash);
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
    uint32_t location = InternAddress(address);
    if (location == 0) return false;
    *words_.At(words + i) = location;
  }
  next_word_ = words + key.depth;
  StackCount* entry = entries_.At(id);
  entry->hash = hash;
  entry->words = words;
  entry->depth = key.depth;
  entry->labels = key.labels;
  entry->truncated = key.truncated;
  uint32_t* head = HeadOf(hash);
  entry->next = *head;
  *head = id;
  // release: the entry before the count that covers it.
  count_.store(id, std::memory_order_release);
  return true;
}

uint32_t StackCounts::FindOrAdd(const Key& key) {
  uint64_t hash = EntryHash(key);
  for (uint32_t id = *HeadOf(hash); id != 0;) {
    const StackCount& entry = *entries_.At(id);
    if (entry.hash == hash && entry.depth == key.depth && entry.labels == key.labels) return id;
    id = entry.next;
  }
  if (count_.load(std::memory_order_relaxed) >= heads_.size) GrowHeads();
  return Add(key, hash) ? count_.load(std::memory_order_relaxed) : kOverflow;
}

}  // namespace heapprof
