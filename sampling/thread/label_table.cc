// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/label_table.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"

namespace heapprof {
namespace {

uint64_t TextHash(const char* text, uint64_t hash) {
  constexpr uint64_t kPrime = 0x100000001b3;  // FNV-1a
  for (; *text != '\0'; ++text) hash = (hash ^ static_cast<unsigned char>(*text)) * kPrime;
  return MixBits(hash + 1);
}

uint64_t SetHash(const LabelSetView& set) {
  uint64_t hash = set.count;
  for (size_t i = 0; i < set.count; ++i) {
    hash = TextHash(set.labels[i].value, TextHash(set.labels[i].key, hash));
  }
  return hash;
}

bool IsReserved(const char* key) {
  static constexpr char kPrefix[] = "pprof::";
  // "bytes" is the block size on samples of the heap.
  return *key == '\0' || strcmp(key, "bytes") == 0 || strncmp(key, kPrefix, sizeof(kPrefix) - 1) == 0;
}

// `from` with `key` set to `value`, or without it. False: too many labels.
bool Change(const LabelSetView& from, const char* key, const char* value, Label* to, size_t* count) {
  size_t at = 0, size = 0;
  while (at < from.count && strcmp(from.labels[at].key, key) < 0) to[size++] = from.labels[at++];
  if (at < from.count && strcmp(from.labels[at].key, key) == 0) ++at;
  if (value != nullptr) to[size++] = {key, value};
  while (at < from.count) to[size++] = from.labels[at++];
  *count = size;
  return size <= kMaxLabels;
}

}  // namespace

bool LabelTable::SameLabels(const StoredSet& stored, const LabelSetView& set) {
  if (stored.count != set.count) return false;
  for (size_t i = 0; i < set.count; ++i) {
    if (strcmp(stored.labels[i].key, set.labels[i].key) != 0) return false;
    if (strcmp(stored.labels[i].value, set.labels[i].value) != 0) return false;
  }
  return true;
}

uint32_t LabelTable::Find(const LabelSetView& set, uint64_t hash) const {
  // acquire: the heads are zeroed memory, the set is complete before its id.
  const Heads* heads = heads_.load(std::memory_order_acquire);
  if (heads == nullptr) return 0;
  uint32_t id = heads->sets[hash % kHeads].load(std::memory_order_acquire);
  while (id != 0) {
    const StoredSet& stored = *sets_.At(id)->set;
    if (stored.hash == hash && SameLabels(stored, set)) return id;
    id = stored.next;
  }
  return 0;
}

const char* LabelTable::KeepText(Heads* heads, const char* text) {
  StoredText** head = &heads->texts[TextHash(text, 0) % kHeads];
  for (const StoredText* stored = *head; stored != nullptr; stored = stored->next) {
    if (strcmp(stored->text, text) == 0) return stored->text;
  }
  uint32_t number = text_count_.load(std::memory_order_relaxed) + 1;
  if (number >= kMaxLabelTexts || !texts_.Reserve(number, 1)) return nullptr;
  size_t size = strlen(text) + 1;
  auto* stored = static_cast<StoredText*>(memory_.Take(sizeof(StoredText) + size, alignof(StoredText)));
  if (stored == nullptr) return nullptr;
  memcpy(stored->text, text, size);
  stored->number = number;
  stored->next = *head;
  *head = stored;
  texts_.At(number)->text = stored;
  // release: the text before the count that covers it.
  text_count_.store(number, std::memory_order_release);
  return stored->text;
}

int LabelTable::Add(const LabelSetView& set, uint64_t hash, uint32_t* id) {
  Heads* heads = heads_.load(std::memory_order_relaxed);
  if (heads == nullptr) {
    heads = static_cast<Heads*>(MapMetadata(sizeof(Heads)));
    if (heads == nullptr) return -ENOMEM;
    heads_.store(heads, std::memory_order_release);
  }
  uint32_t count = set_count_.load(std::memory_order_relaxed);
  if (count + 1 >= kMaxSets) return -ENOSPC;
  if (text_count() + 2 * set.count >= kMaxLabelTexts) return -ENOSPC;
  if (!sets_.Reserve(count + 1, 1)) return -ENOMEM;
  auto* stored = static_cast<StoredSet*>(
      memory_.Take(sizeof(StoredSet) + set.count * sizeof(Label), alignof(StoredSet)));
  if (stored == nullptr) return -ENOMEM;
  for (size_t i = 0; i < set.count; ++i) {
    stored->labels[i] = {KeepText(heads, set.labels[i].key), KeepText(heads, set.labels[i].value)};
    if (stored->labels[i].key == nullptr || stored->labels[i].value == nullptr) return -ENOMEM;
  }
  *id = count + 1;
  std::atomic<uint32_t>* head = &heads->sets[hash % kHeads];
  stored->hash = hash;
  stored->count = static_cast<uint32_t>(set.count);
  stored->next = head->load(std::memory_order_relaxed);
  sets_.At(*id)->set = stored;
  // release: the set before its id, both times.
  set_count_.store(*id, std::memory_order_release);
  head->store(*id, std::memory_order_release);
  return 0;
}

int LabelTable::With(uint32_t set, const char* key, const char* value, uint32_t* changed) {
  if (key == nullptr || IsReserved(key)) return -EINVAL;
  if (strlen(key) > kMaxKeySize || (value != nullptr && strlen(value) > kMaxValueSize)) return -ENAMETOOLONG;
  if (!IsUtf8(key) || (value != nullptr && !IsUtf8(value))) return -EINVAL;
  Label labels[kMaxLabels + 1];
  LabelSetView wanted = {labels, 0};
  if (!Change(At(set), key, value, labels, &wanted.count)) return -ENOSPC;
  uint32_t id = 0;
  if (wanted.count > 0) {
    uint64_t hash = SetHash(wanted);
    id = Find(wanted, hash);
    if (id == 0) {
      SpinLockHolder hold(&lock_);
      id = Find(wanted, hash);
      int error = id == 0 ? Add(wanted, hash, &id) : 0;
      if (error != 0) return error;
    }
  }
  *changed = id;
  return 0;
}

}  // namespace heapprof
