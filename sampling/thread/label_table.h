// SPDX-License-Identifier: Apache-2.0
// Sets of labels, each stored once.
//
// A set is named by a 32-bit id; 0 is the empty one. Sets are never freed, so that a sample is labelled by
// copying a word, in a signal handler too, and a dump reads them at any time. So are their texts, each stored
// once, which have numbers: a profile takes those for its table of strings and need not look a label up.
// Bounds: kMaxLabels pairs in a set, texts of kMaxKeySize and kMaxValueSize bytes, kMaxSets distinct sets,
// kMaxLabelTexts distinct texts, and metadata_limit; what is beyond is refused.
//
// Thread-safety: yes. Signal-safety: all but With. Allocates: mmap only, for a set that was not seen before.
// Lock: kLabels, for new sets. Zeroed memory is an empty table.
#ifndef HEAPPROF_SAMPLING_THREAD_LABEL_TABLE_H_
#define HEAPPROF_SAMPLING_THREAD_LABEL_TABLE_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/lock/spinlock.h"
#include "base/memory/arena.h"
#include "base/memory/bump_allocator.h"

namespace heapprof {

inline constexpr size_t kMaxLabels = 16, kMaxKeySize = 63, kMaxValueSize = 255;
inline constexpr uint32_t kMaxSets = 1 << 16;
inline constexpr uint32_t kMaxLabelTexts = 1 << 18;

struct Label {
  const char* key;
  const char* value;
};

// In ascending order of keys, each key once.
struct LabelSetView {
  const Label* labels;
  size_t count;
};

class LabelTable {
 public:
  // The set that `set` becomes when `key` is set to `value`, or removed if `value` is nullptr. 0, or -EINVAL:
  // the key is empty or reserved ("bytes" and "pprof::..."), or a text is no UTF-8; -ENAMETOOLONG; -ENOSPC:
  // too many labels, sets or texts; -ENOMEM.
  int With(uint32_t set, const char* key, const char* value, uint32_t* changed);

  LabelSetView At(uint32_t set) const {
    if (set == 0) return {nullptr, 0};
    const StoredSet& stored = *sets_.At(set)->set;
    return {stored.labels, stored.count};
  }
  // False: there is no set of that number.
  bool Has(uint32_t set) const { return set <= set_count_.load(std::memory_order_acquire); }

  // The texts of all sets, numbered from 1 to the count. Those of a set are among them once the set has a
  // number.
  uint32_t text_count() const {
    // acquire: the texts before the count that covers them.
    return text_count_.load(std::memory_order_acquire);
  }
  const char* TextAt(uint32_t number) const { return texts_.At(number)->text->text; }
  // The number of a key or value that At gave.
  static uint32_t NumberOf(const char* text) {
    return reinterpret_cast<const StoredText*>(text - offsetof(StoredText, text))->number;
  }

  bool LockForFork() { return lock_.LockForFork(); }
  void UnlockAfterFork(bool in_child) { lock_.UnlockAfterFork(in_child); }

 private:
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
  struct SetPlace {
    StoredSet* set;
  };
  struct TextPlace {
    const StoredText* text;
  };
  static constexpr uint32_t kHeads = 1 << 14;  // a power of two
  struct Heads {
    std::atomic<uint32_t> sets[kHeads];  // read without the lock
    StoredText* texts[kHeads];
  };
  static_assert(sizeof(StoredSet) + kMaxLabels * sizeof(Label) <= BumpAllocator::kChunk,
                "a set fits a chunk");

  static bool SameLabels(const StoredSet& stored, const LabelSetView& set);
  // 0: it is not stored.
  uint32_t Find(const LabelSetView& set, uint64_t hash) const;
  // nullptr: no memory.
  const char* KeepText(Heads* heads, const char* text) HP_REQUIRES(lock_);
  // 0 or -errno.
  int Add(const LabelSetView& set, uint64_t hash, uint32_t* id) HP_REQUIRES(lock_);

  // Written under the lock, read at any time.
  std::atomic<Heads*> heads_{nullptr};
  ChunkedArray<SetPlace, 9, (kMaxSets >> 9)> sets_;
  std::atomic<uint32_t> set_count_{0};
  ChunkedArray<TextPlace, 10, (kMaxLabelTexts >> 10)> texts_;
  std::atomic<uint32_t> text_count_{0};
  SpinLock<LockRank::kLabels> lock_;
  BumpAllocator memory_ HP_GUARDED_BY(lock_);  // of sets and texts
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_THREAD_LABEL_TABLE_H_
