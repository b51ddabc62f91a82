// SPDX-License-Identifier: Apache-2.0
#include "sampling/counts/key_table.h"

#include "base/memory/arena.h"

namespace heapprof {
bool KeyTable::Resize(size_t capacity, bool with_values) {
  auto* slots = static_cast<Slot*>(MapMetadata(capacity * sizeof(Slot)));
  if (slots == nullptr) return false;
  StackValue* values = nullptr;
  if (with_values) {
    values = static_cast<StackValue*>(MapMetadata(capacity * sizeof(StackValue)));
    if (values == nullptr) {
      UnmapMetadata(slots, capacity * sizeof(Slot));
      return false;
    }
  }
  const KeyTable old = *this;
  slots_ = slots;
  values_ = values;
  capacity_ = capacity;
  for (size_t i = 0; i < old.capacity_; ++i) {
    if (old.slots_[i].id == 0) continue;
    const size_t at = Find(old.slots_[i].key);
    slots_[at] = old.slots_[i];
    if (values != nullptr && old.values_ != nullptr) values[at] = old.values_[i];
  }
  if (old.slots_ != nullptr) UnmapMetadata(old.slots_, old.capacity_ * sizeof(Slot));
  if (old.values_ != nullptr) UnmapMetadata(old.values_, old.capacity_ * sizeof(StackValue));
  return true;
}

bool KeyTable::Grow(bool with_values) {
  constexpr size_t kFirst = 256;
  if (used_ + 1 > capacity_ / 2) return Resize(capacity_ == 0 ? kFirst : capacity_ * 4, with_values);
  // Room for values only. Zeros are right for the keys that are there: none has one.
  values_ = static_cast<StackValue*>(MapMetadata(capacity_ * sizeof(StackValue)));
  return values_ != nullptr;
}

KeyTable::Entry KeyTable::Take(const void* key) {
  if (capacity_ == 0) return {};
  size_t hole = Find(key);
  Entry taken = {slots_[hole].id, slots_[hole].valued, {0, 0}};
  if (taken.id == 0) return {};
  if (taken.valued) taken.value = values_[hole];
  // Those behind it that would no longer be found move up.
  for (size_t at = (hole + 1) & mask(); slots_[at].id != 0; at = (at + 1) & mask()) {
    const size_t home = HomeOf(slots_[at].key);
    if (((at - home) & mask()) < ((at - hole) & mask())) continue;
    slots_[hole] = slots_[at];
    if (slots_[at].valued) values_[hole] = values_[at];
    hole = at;
  }
  slots_[hole] = {nullptr, 0, false};
  --used_;
  return taken;
}

}  // namespace heapprof
