// SPDX-License-Identifier: Apache-2.0
// Marks what can be reached: words of memory are taken for pointers into blocks, whose own words are then
// read.
//
// Conservative: any word at a multiple of 8 that points to or into a block keeps it. The roots are read by
// calls that fail instead of faulting, and only where they hold data (data_pages.h); blocks are read directly
// where the map shows that they can be. What a program made unreadable is read as a debugger does.
//
// Thread-safety: none needed, the world is stopped. Signal-safety: yes. Allocates: mmap only: 5 bytes a
// block. Invariant: a block is put on the work list at most once in each pass, so the list's bound is the
// number of blocks.
#ifndef HEAPPROF_LEAK_SEARCH_MARKING_H_
#define HEAPPROF_LEAK_SEARCH_MARKING_H_

#include <stddef.h>
#include <stdint.h>

#include "leak/search/block_index.h"
#include "leak/search/data_pages.h"
#include "leak/search/memory_map.h"

namespace heapprof::leak {

enum class BlockState : uint8_t {
  kUnseen,
  kReached,
  kSuppressed,  // or reached from such a block
  kDirect,      // leaked, and no leaked block outside its own cycle points to it
  kIndirect,    // reached from a leaked block only
};

class Marking {
 public:
  Marking(const BlockIndex* index, const MemoryMap* map) : index_(index), map_(map) {}
  ~Marking();
  Marking(const Marking&) = delete;
  Marking& operator=(const Marking&) = delete;

  // False: no memory.
  bool Init();

  // Whether memory that is read-only now, but was written to, can be told from a file's.
  bool KnowsWrittenPages() const { return pages_.exact(); }

  // Roots, for the next Flood. `end` is exclusive; what is not mapped is passed over.
  void AddRange(uintptr_t start, uintptr_t end);
  void AddWord(uintptr_t word) {
    if (index_->InRange(word)) Enqueue(word);
  }
  void AddBlock(uint32_t block) { Take(block); }

  // Gives all blocks that can be reached from what was added, and that were unseen, the state `as`: kReached
  // or kSuppressed. Call Start first.
  void Start(BlockState as) { as_ = as; }
  void Flood();

  // Makes every block that is still unseen kDirect or kIndirect.
  void SortLeaks();

  BlockState state(uint32_t block) const { return states_[block]; }

 private:
  // Words that may be pointers.
  void Enqueue(uintptr_t word) {
    index_->PrefetchPage(word);
    uintptr_t due = words_[word_at_ % kWordsAhead];
    words_[word_at_++ % kWordsAhead] = word;
    if (due != 0) LookUp(due);
  }
  void LookUp(uintptr_t word) {
    uint32_t block = index_->FindBefore(word);
    if (block == BlockIndex::kNone) return;
    index_->PrefetchBlock(block);
    __builtin_prefetch(&states_[block]);
    Candidate due = candidates_[candidate_at_ % kCandidatesAhead];
    candidates_[candidate_at_++ % kCandidatesAhead] = {word, block};
    if (due.word != 0 && index_->Contains(due.block, due.word)) Take(due.block);
  }
  // Empties both queues.
  void Settle();
  void Take(uint32_t block);
  void ScanWords(const uintptr_t* word, const uintptr_t* end);
  void ScanBlock(uint32_t block);
  // The part of [start, end), which lies in `mapping`, that holds data.
  void ScanMapped(const Mapping& mapping, uintptr_t start, uintptr_t end);
  void ScanCarefully(uintptr_t start, uintptr_t end);
  bool ReadUnreadable(uintptr_t start, uintptr_t end);

  static constexpr size_t kCopyBytes = 64 << 10;
  static constexpr size_t kSparseBytes = 1 << 20;  // from here on untouched pages of a block are asked for

  const BlockIndex* index_;
  const MemoryMap* map_;
  BlockState* states_ = nullptr;
  uint32_t* work_ = nullptr;
  size_t work_size_ = 0;
  char* copy_ = nullptr;
  DataPages pages_;
  int memory_ = -1;  // /proc/PID/mem, which reads unreadable pages too
  bool copy_refused_ = false;
  bool faults_wait_ = false;  // somebody in this process answers page faults (userfaultfd)
  struct Candidate {
    uintptr_t word;
    uint32_t block;
  };
  static constexpr uint32_t kWordsAhead = 16, kCandidatesAhead = 16;
  uintptr_t words_[kWordsAhead] = {};
  Candidate candidates_[kCandidatesAhead] = {};
  uint32_t word_at_ = 0, candidate_at_ = 0;
  BlockState as_ = BlockState::kReached;
  uint32_t leader_ = BlockIndex::kNone;
};

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_SEARCH_MARKING_H_
