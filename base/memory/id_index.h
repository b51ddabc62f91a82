// SPDX-License-Identifier: Apache-2.0
// Hash tables of ids, which writers use alone, under their lock, so that they may move when they grow. 0 is
// an empty slot.
//
//   IdIndex        slots: heads of chains, or open addressing
//   AddressTable   addresses with dense ids from 1 on, in the order of their first sight; read by anybody
//
// Zeroed memory is an empty object: what lies in mapped memory needs no constructor, and what is static needs
// none at run time (base/constinit.h). Thread-safety: one writer at a time; AddressTable is read at any time.
// Signal-safety: reading. Allocates: mmap only, within metadata_limit.
#ifndef HEAPPROF_BASE_MEMORY_ID_INDEX_H_
#define HEAPPROF_BASE_MEMORY_ID_INDEX_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/hash.h"
#include "base/memory/arena.h"

namespace heapprof {

struct IdIndex {
  uint32_t* slots = nullptr;
  uint32_t size = 0;  // a power of two

  // Replaces the slots by four times as many, empty ones; the old ones go to `old`, whose owner frees them.
  // False: no memory, nothing changed.
  bool Grow(uint32_t first_size, IdIndex* old) {
    uint32_t new_size = size == 0 ? first_size : size * 4;
    if (new_size == 0 || new_size > (1u << 30)) return false;
    void* memory = MapMetadata(uint64_t{new_size} * sizeof(uint32_t));
    if (memory == nullptr) return false;
    *old = *this;
    slots = static_cast<uint32_t*>(memory);
    size = new_size;
    return true;
  }
  void Free() {
    if (slots != nullptr) UnmapMetadata(slots, uint64_t{size} * sizeof(uint32_t));
    slots = nullptr;
    size = 0;
  }
  uint32_t* At(uint64_t hash) const { return &slots[hash & (size - 1)]; }
};

template <uint32_t kChunkBits, uint32_t kMaxChunks, uint32_t kFirstSlots>
class AddressTable {
 public:
  // Takes the first memory, which Intern else takes when it is first called. False: there is none.
  bool Init() { return GrowIndex(); }

  // The id of `address`, given now if it is new; 0: no memory.
  uint32_t Intern(uint64_t address) {
    uint32_t count = count_.load(std::memory_order_relaxed);
    if (count + 1 > index_.size / 2 && !GrowIndex()) {
      // Full for good: old ones are still found as long as a slot is empty.
      if (index_.size == 0 || count + 1 >= index_.size) return 0;
    }
    uint32_t* slot = SlotOf(address);
    if (*slot != 0) return *slot;
    uint32_t id = count + 1;
    if (!addresses_.Reserve(id, 1)) return 0;
    Move(id, address);
    *slot = id;
    // release: the address before the count that covers it.
    count_.store(id, std::memory_order_release);
    return id;
  }

  // Gives an id another address. The index still leads here for the old one, which this entry then denies.
  void Move(uint32_t id, uint64_t address) { addresses_.At(id)->store(address, std::memory_order_relaxed); }

  // Both by is_in(address): whether there is such an address; and all such ones, moved by `distance`.
  template <typename IsIn>
  bool Any(IsIn is_in) const {
    uint32_t total = count();
    for (uint32_t id = 1; id <= total; ++id) {
      if (is_in(AddressOf(id))) return true;
    }
    return false;
  }
  template <typename IsIn>
  void MoveAll(uint64_t distance, IsIn is_in) {
    uint32_t total = count();
    for (uint32_t id = 1; id <= total; ++id) {
      uint64_t address = AddressOf(id);
      if (is_in(address)) Move(id, address + distance);
    }
  }

  // Ids are 1..count().
  uint32_t count() const { return count_.load(std::memory_order_acquire); }
  uint64_t AddressOf(uint32_t id) const { return addresses_.At(id)->load(std::memory_order_relaxed); }

  // Nobody reads any more.
  void Free() {
    index_.Free();
    addresses_.Free();
    count_.store(0, std::memory_order_relaxed);
  }

 private:
  // Open addressing, linear probing, at most half full while there is memory.
  uint32_t* SlotOf(uint64_t address) {
    for (uint64_t at = MixBits(address);; ++at) {
      uint32_t* slot = index_.At(at);
      if (*slot == 0 || AddressOf(*slot) == address) return slot;
    }
  }

  bool GrowIndex() {
    IdIndex old;
    if (!index_.Grow(kFirstSlots, &old)) return false;
    for (uint32_t i = 0; i < old.size; ++i) {
      if (old.slots[i] != 0) *SlotOf(AddressOf(old.slots[i])) = old.slots[i];
    }
    old.Free();
    return true;
  }

  ChunkedArray<std::atomic<uint64_t>, kChunkBits, kMaxChunks> addresses_;
  IdIndex index_;
  std::atomic<uint32_t> count_{0};
};

}  // namespace heapprof

#endif  // HEAPPROF_BASE_MEMORY_ID_INDEX_H_
