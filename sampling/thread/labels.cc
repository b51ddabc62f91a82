// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/labels.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/lock/spinlock.h"
#include "base/memory/arena.h"
#include "base/memory/bump_allocator.h"
#include "base/utf8.h"

namespace heapprof {
namespace {

struct StoredSet {
  uint64_t hash;
  uint32_t next;  // in its chain
  uint32_t count;
  Label labels[];
};

struct StoredText {
  StoredText* next;
  uint32_t number;
  char text[];
};

constexpr uint32_t kHeads = 1 << 14;  // a power of two
struct Heads {
  std::atomic<uint32_t> sets[kHeads];  // read without the lock
  StoredText* texts[kHeads];
};

static_assert(sizeof(StoredSet) + kMaxLabels * sizeof(Label) <= BumpAllocator::kChunk, "a set fits a chunk");

thread_local uint32_t t_labels __attribute__((tls_model("initial-exec")));

SpinLock<LockRank::kLabels> g_lock;
// Written under the lock, read at any time.
std::atomic<Heads*> g_heads{nullptr};
struct SetPlace {
  StoredSet* set;
};
ChunkedArray<SetPlace, 9, (kMaxSets >> 9)> g_sets;
// Written under the lock.
std::atomic<uint32_t> g_set_count{0};
struct TextPlace {
  const StoredText* text;
};
ChunkedArray<TextPlace, 10, (kMaxLabelTexts >> 10)> g_texts;
std::atomic<uint32_t> g_text_count{0};
BumpAllocator g_memory HP_GUARDED_BY(g_lock);  // of sets and texts

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

bool SameLabels(const StoredSet& stored, const LabelSetView& set) {
  if (stored.count != set.count) return false;
  for (size_t i = 0; i < set.count; ++i) {
    if (strcmp(stored.labels[i].key, set.labels[i].key) != 0) return false;
    if (strcmp(stored.labels[i].value, set.labels[i].value) != 0) return false;
  }
  return true;
}

// 0: it is not stored.
uint32_t Find(const LabelSetView& set, uint64_t hash) {
  // acquire: the heads are zeroed memory, the set is complete before its id.
  const Heads* heads = g_heads.load(std::memory_order_acquire);
  if (heads == nullptr) return 0;
  uint32_t id = heads->sets[hash % kHeads].load(std::memory_order_acquire);
  while (id != 0) {
    const StoredSet& stored = *g_sets.At(id)->set;
    if (stored.hash == hash && SameLabels(stored, set)) return id;
    id = stored.next;
  }
  return 0;
}

// nullptr: no memory.
const char* KeepText(Heads* heads, const char* text) HP_REQUIRES(g_lock) {
  StoredText** head = &heads->texts[TextHash(text, 0) % kHeads];
  for (const StoredText* stored = *head; stored != nullptr; stored = stored->next) {
    if (strcmp(stored->text, text) == 0) return stored->text;
  }
  uint32_t number = g_text_count.load(std::memory_order_relaxed) + 1;
  if (number >= kMaxLabelTexts || !g_texts.Reserve(number, 1)) return nullptr;
  size_t size = strlen(text) + 1;
  auto* stored = static_cast<StoredText*>(g_memory.Take(sizeof(StoredText) + size, alignof(StoredText)));
  if (stored == nullptr) return nullptr;
  memcpy(stored->text, text, size);
  stored->number = number;
  stored->next = *head;
  *head = stored;
  g_texts.At(number)->text = stored;
  // release: the text before the count that covers it.
  g_text_count.store(number, std::memory_order_release);
  return stored->text;
}

// 0 or -errno.
int Add(const LabelSetView& set, uint64_t hash, uint32_t* id) HP_REQUIRES(g_lock) {
  Heads* heads = g_heads.load(std::memory_order_relaxed);
  if (heads == nullptr) {
    heads = static_cast<Heads*>(MapMetadata(sizeof(Heads)));
    if (heads == nullptr) return -ENOMEM;
    g_heads.store(heads, std::memory_order_release);
  }
  uint32_t count = g_set_count.load(std::memory_order_relaxed);
  if (count + 1 >= kMaxSets) return -ENOSPC;
  if (LabelTextCount() + 2 * set.count >= kMaxLabelTexts) return -ENOSPC;
  if (!g_sets.Reserve(count + 1, 1)) return -ENOMEM;
  auto* stored = static_cast<StoredSet*>(
      g_memory.Take(sizeof(StoredSet) + set.count * sizeof(Label), alignof(StoredSet)));
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
  g_sets.At(*id)->set = stored;
  // release: the set before its id, both times.
  g_set_count.store(*id, std::memory_order_release);
  head->store(*id, std::memory_order_release);
  return 0;
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

uint32_t CurrentLabels() { return t_labels; }

void InheritLabels(uint32_t set) { t_labels = set; }

LabelSetView LabelSetAt(uint32_t set) {
  if (set == 0) return {nullptr, 0};
  const StoredSet& stored = *g_sets.At(set)->set;
  return {stored.labels, stored.count};
}

// acquire: the texts before the count that covers them.
uint32_t LabelTextCount() { return g_text_count.load(std::memory_order_acquire); }

const char* LabelTextAt(uint32_t number) { return g_texts.At(number)->text->text; }

uint32_t LabelTextNumber(const char* text) {
  return reinterpret_cast<const StoredText*>(text - offsetof(StoredText, text))->number;
}

bool IsLabelSet(uint32_t set) { return set <= g_set_count.load(std::memory_order_acquire); }

int SetLabel(const char* key, const char* value) {
  if (key == nullptr || IsReserved(key)) return -EINVAL;
  if (strlen(key) > kMaxKeySize || (value != nullptr && strlen(value) > kMaxValueSize)) return -ENAMETOOLONG;
  if (!IsUtf8(key) || (value != nullptr && !IsUtf8(value))) return -EINVAL;
  Label labels[kMaxLabels + 1];
  LabelSetView set = {labels, 0};
  if (!Change(LabelSetAt(t_labels), key, value, labels, &set.count)) return -ENOSPC;
  uint32_t id = 0;
  if (set.count > 0) {
    uint64_t hash = SetHash(set);
    id = Find(set, hash);
    if (id == 0) {
      SpinLockHolder hold(&g_lock);
      id = Find(set, hash);
      int error = id == 0 ? Add(set, hash, &id) : 0;
      if (error != 0) return error;
    }
  }
  t_labels = id;
  return 0;
}

const char* GetLabel(const char* key) {
  if (key == nullptr) return nullptr;
  LabelSetView set = LabelSetAt(t_labels);
  for (size_t i = 0; i < set.count; ++i) {
    if (strcmp(set.labels[i].key, key) == 0) return set.labels[i].value;
  }
  return nullptr;
}

bool LockLabelsForFork() { return g_lock.LockForFork(); }

void UnlockLabelsAfterFork(bool in_child) { g_lock.UnlockAfterFork(in_child); }

}  // namespace heapprof
