// SPDX-License-Identifier: Apache-2.0
// Which buckets' blocks are told, and which are passed over: the loader's own, and those that a suppression
// names.
//
// Thread-safety: an object belongs to one check. Signal-safety: yes. Allocates: mmap only: 2 bytes a bucket.
#ifndef HEAPPROF_LEAK_REPORT_CLASSES_H_
#define HEAPPROF_LEAK_REPORT_CLASSES_H_

#include <stddef.h>
#include <stdint.h>

#include "leak/report/suppressions.h"
#include "leak/search/block_index.h"
#include "leak/search/marking.h"
#include "leak/search/memory_map.h"

namespace heapprof::leak {

class FrameNames;

class BlockClasses {
 public:
  BlockClasses(const BlockIndex* index, const MemoryMap* map, Suppressions* suppressions)
      : index_(index), map_(map), suppressions_(suppressions) {}
  ~BlockClasses();
  BlockClasses(const BlockClasses&) = delete;
  BlockClasses& operator=(const BlockClasses&) = delete;

  // False: no memory.
  bool Init();

  // What the dynamic loader allocated for itself (vectors of thread-local storage, scopes) is not the
  // program's to free, and often is held by memory that counts as nobody's: a kept stack of a thread that
  // ended. Marks it as reached, and what it points to.
  void KeepLoadersBlocks(Marking* marking);

  // Marks the blocks that suppressions match, and what only they point to, and counts the matches. `live`:
  // blocks that are reached are matched, too. 0 or -errno.
  int Suppress(uint32_t since, bool live, Marking* marking);

  // After Suppress with `live`: the bucket's blocks are not to be listed.
  bool IsSuppressed(uint32_t bucket) const { return matched_[bucket] != 0; }

 private:
  bool IsLoaders(uint32_t bucket) const;
  Suppression* MatchStack(uint32_t stack, const FrameNames& names) const;

  const BlockIndex* index_;
  const MemoryMap* map_;
  Suppressions* suppressions_;
  uint16_t* matched_ = nullptr;  // by bucket: 1 + index of the suppression, or kBuiltIn
  size_t buckets_ = 0;
};

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_REPORT_CLASSES_H_
