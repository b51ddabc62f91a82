// SPDX-License-Identifier: Apache-2.0
// The string table of a profile: text in, index out, each text once.
//
// Texts are kept by reference (Add) or copied into a bounded pool (AddCopy), and come out in the order of
// their indexes when the table is written, last in the file. Index 0 is "". Texts that have numbers of their
// own, from 1 on, may stand right behind it: they take no room here.
//
// Thread-safety: an object belongs to one writer. Signal-safety: yes. Allocates: never; the workspace bounds
// the table. A text that finds no room gets the index of kFullText, and full() says so: a profile with a name
// missing is worth more than none.
// Invariants: (1) entries_[0] is "" and entries_[1] is kFullText; (2) two entries never have the same text.
#ifndef HEAPPROF_PROTO_STRING_TABLE_H_
#define HEAPPROF_PROTO_STRING_TABLE_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

class StringTable {
 public:
  static constexpr uint32_t kMaxStrings = 12 << 10;  // two for each of 4,096 mappings, and 4,096 others
  static constexpr uint32_t kIndexSize = 16 << 10;   // a power of two, larger than kMaxStrings
  static constexpr size_t kPoolSize = 128 << 10;
  static constexpr const char* kFullText = "[string table full]";

  struct Entry {
    const char* text;
    uint32_t size;
    uint32_t hash;
  };
  // Zeroed by its owner, so that pages that are not needed are never touched.
  struct Workspace {
    Entry entries[kMaxStrings];
    uint32_t index[kIndexSize];  // hash -> entry + 1; 0 = free
    char pool[kPoolSize];
  };

  // `numbered`: how many such texts there are.
  explicit StringTable(Workspace* zeroed_workspace, uint32_t numbered = 0);
  StringTable(const StringTable&) = delete;
  StringTable& operator=(const StringTable&) = delete;

  // The index in the file. `text` outlives the table.
  int64_t Add(const char* text, size_t size);
  int64_t Add(const char* text);
  int64_t AddCopy(const char* text, size_t size);

  // The entries, the first of which is ""; the others follow the numbered texts in the file.
  uint32_t count() const { return count_; }
  const Entry& at(uint32_t index) const { return space_->entries[index]; }
  bool full() const { return full_; }

 private:
  int64_t IndexOf(uint32_t entry) const { return entry == 0 ? 0 : int64_t{entry} + numbered_; }
  int64_t Insert(const char* text, size_t size, bool copy);

  Workspace* space_;
  uint32_t numbered_;
  uint32_t count_ = 0;
  size_t pool_used_ = 0;
  bool full_ = false;
};

}  // namespace heapprof

#endif  // HEAPPROF_PROTO_STRING_TABLE_H_
