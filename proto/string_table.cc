// SPDX-License-Identifier: Apache-2.0
#include "proto/string_table.h"

#include <string.h>

namespace heapprof {
namespace {

// FNV-1a: short texts, few of them.
uint32_t Hash(const char* text, size_t size) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < size; i++) hash = (hash ^ static_cast<uint8_t>(text[i])) * 16777619u;
  return hash;
}

constexpr uint32_t kFullEntry = 1;

}  // namespace

StringTable::StringTable(Workspace* zeroed_workspace, uint32_t numbered)
    : space_(zeroed_workspace), numbered_(numbered) {
  Add("");
  Add(kFullText);
}

int64_t StringTable::Add(const char* text, size_t size) { return Insert(text, size, false); }
int64_t StringTable::Add(const char* text) { return Insert(text, strlen(text), false); }
int64_t StringTable::AddCopy(const char* text, size_t size) { return Insert(text, size, true); }

int64_t StringTable::Insert(const char* text, size_t size, bool copy) {
  uint32_t hash = Hash(text, size);
  uint32_t slot = hash % kIndexSize;
  for (; space_->index[slot] != 0; slot = (slot + 1) % kIndexSize) {
    uint32_t id = space_->index[slot] - 1;
    const Entry& entry = space_->entries[id];
    if (entry.hash == hash && entry.size == size && memcmp(entry.text, text, size) == 0) return IndexOf(id);
  }
  if (count_ == kMaxStrings || (copy && size > kPoolSize - pool_used_)) {
    full_ = true;
    return IndexOf(kFullEntry);
  }
  if (copy) {
    char* to = space_->pool + pool_used_;
    memcpy(to, text, size);
    pool_used_ += size;
    text = to;
  }
  space_->entries[count_] = Entry{text, static_cast<uint32_t>(size), hash};
  space_->index[slot] = ++count_;
  return IndexOf(count_ - 1);
}

}  // namespace heapprof
