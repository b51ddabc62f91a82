// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/interner.h"

#include <functional>

namespace heapprof::tools {

Interner::Interner(ProfileStrings* table) : table_(table), slots_(1024) {
  if (table_->size() == 0) table_->Add("");
  for (size_t i = 0; i < table_->size(); ++i) Enter(static_cast<uint32_t>(i));
}

// The slot that holds `text`, or the free one where it would stand.
size_t Interner::Slot(std::string_view text) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = std::hash<std::string_view>()(text) & mask;
  while (slots_[slot] != 0 && table_->at(slots_[slot] - 1) != text) slot = (slot + 1) & mask;
  return slot;
}

void Interner::Enter(uint32_t index) {
  if (2 * static_cast<size_t>(index) >= slots_.size()) {
    slots_.assign(slots_.size() * 4, 0);
    for (uint32_t i = 0; i < index; ++i) {
      const size_t slot = Slot(table_->at(i));
      if (slots_[slot] == 0) slots_[slot] = i + 1;
    }
  }
  const size_t slot = Slot(table_->at(index));
  if (slots_[slot] == 0) slots_[slot] = index + 1;
}

uint32_t Interner::Intern(std::string_view text) {
  const uint32_t found = slots_[Slot(text)];
  if (found != 0) return found - 1;
  const auto index = static_cast<uint32_t>(table_->size());
  table_->Add(text);
  Enter(index);
  return index;
}

}  // namespace heapprof::tools
