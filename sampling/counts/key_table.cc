// SPDX-License-Identifier: Apache-2.0
#include "sampling/counts/key_table.h"

#include "base/hash.h"
#include "base/memory/arena.h"

namespace heapprof {
namespace {

size_t HomeOf(const void* key) { return MixBits(reinterpret_cast<uintptr_t>(key)); }

}  // namespace

// The slot of `key`, or the free one where it would be.
size_t KeyTable::Find(const void* key) const {
  size_t at = HomeOf(key) & mask();
  while (slots_[at].id != 0 && slots_[at].key != key) at = (at + 1) & mask();
  return at;
}

bool KeyTable::Has(const void* key) const { return capacity_ != 0 && slots_[Find(key)].id != 0; }

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

bool KeyTable::Reserve(bool valued) {
  constexpr size_t kFirst = 256;
  const bool with_values = valued || values_ != nullptr;
  if (used_ + 1 > capacity_ / 2) return Resize(capacity_ == 0 ? kFirst : capacity_ * 4, with_values);
  if (!valued || values_ != nullptr) return true;
  // Zeros are right for the keys that are there: none has a value.
  values_ = static_cast<StackValue*>(MapMetadata(capacity_ * sizeof(StackValue)));
  return values_ != nullptr;
}

void KeyTable::Insert(const void* key, const Entry& entry) {
  const size_t at = Find(key);
  slots_[at] = {key, entry.id, entry.valued};
  if (entry.valued) values_[at] = entry.value;
  ++used_;
}

KeyTable::Entry KeyTable::Take(const void* key) {
  if (capacity_ == 0) return {};
  size_t hole = Find(key);
  Entry taken = {slots_[hole].id, slots_[hole].valued, {0, 0}};
  if (taken.id == 0) return {};
  if (taken.valued) taken.value = values_[hole];
  // Those behind it that would no longer be found move up.
  for (size_t at = (hole + 1) & mask(); slots_[at].id != 0; at = (at + 1) & mask()) {
    const size_t home = HomeOf(slots_[at].key) & mask();
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
