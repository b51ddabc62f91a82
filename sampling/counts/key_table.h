// SPDX-License-Identifier: Apache-2.0
// The keys of a named profile: which entry of its counts each one was added to, and with what value.
//
//   key -> entry, and, of a key that was added with a value, its count and amount
//
// Open addressing, at most half full. Values lie beside the slots, so that keys without any take no room for
// them. Zeroed memory is an empty table.
//
// Thread-safety: none, callers hold their lock. Signal-safety: none. Allocates: mmap only, within
// metadata_limit.
#ifndef HEAPPROF_SAMPLING_COUNTS_KEY_TABLE_H_
#define HEAPPROF_SAMPLING_COUNTS_KEY_TABLE_H_

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "sampling/counts/stack_values.h"

namespace heapprof {

class KeyTable {
 public:
  struct Entry {
    uint32_t id = 0;  // 0: none
    bool valued = false;
    StackValue value = {0, 0};
  };

  // Makes sure of room for one more key, with a value if `valued`. False: no memory, nothing changed.
  bool Reserve(bool valued) {
    const bool has_room = used_ + 1 <= capacity_ / 2;
    return (has_room && (!valued || values_ != nullptr)) || Grow(valued || values_ != nullptr);
  }
  // Where `key` is, or where it is to be inserted; good until the table changes. There is room.
  size_t Find(const void* key) const {
    size_t at = HomeOf(key);
    while (slots_[at].id != 0 && slots_[at].key != key) at = (at + 1) & mask();
    return at;
  }
  bool IsTaken(size_t place) const { return slots_[place].id != 0; }
  // `place` is what Find returned, and not taken.
  void Insert(size_t place, const void* key, const Entry& entry) {
    slots_[place] = {key, entry.id, entry.valued};
    if (entry.valued) values_[place] = entry.value;
    ++used_;
  }
  // Takes the key out; an entry of id 0 if it is not there.
  Entry Take(const void* key);

 private:
  struct Slot {
    const void* key;
    uint32_t id;  // 0: free
    bool valued;
  };

  bool Grow(bool with_values);
  bool Resize(size_t capacity, bool with_values);
  size_t mask() const { return capacity_ - 1; }
  size_t HomeOf(const void* key) const { return MixBits(reinterpret_cast<uintptr_t>(key)) & mask(); }

  Slot* slots_ = nullptr;
  StackValue* values_ = nullptr;  // nullptr: no key had one yet
  size_t capacity_ = 0;           // a power of two
  size_t used_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_COUNTS_KEY_TABLE_H_
