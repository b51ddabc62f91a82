// SPDX-License-Identifier: Apache-2.0
// The process' memory at this moment, whole: every mapping by its cause, the heap by extents.
//
// Rows have what is known without stacks; what the program's blocks have is in the account, for the profile
// to part among the stacks of the samples.
// Thread-safety: an object belongs to one thread; other threads go on, so that what they change meanwhile may
// be counted as it was before or after. Signal-safety: yes. Allocates: mmap only, from before anything is
// counted on.
#ifndef HEAPPROF_SAMPLING_MEMORY_MEMORY_STATE_H_
#define HEAPPROF_SAMPLING_MEMORY_MEMORY_STATE_H_

#include <stdint.h>

#include "sampling/memory/address_owners.h"
#include "sampling/memory/areas.h"
#include "sampling/memory/heap_account.h"
#include "sampling/memory/mapping_stacks.h"
#include "sampling/memory/memory_rows.h"
#include "sampling/memory/resident_pages.h"

namespace heapprof {

// At start: where the library's own image is. 0, 0: it is a part of the program's.
void SetOwnImage(uintptr_t start, uintptr_t end);

class MemoryState {
 public:
  // Whether it is known who mapped what.
  enum class MappedBy { kNotFollowed, kKnown, kBusy };

  MemoryState() = default;
  ~MemoryState();
  MemoryState(const MemoryState&) = delete;
  MemoryState& operator=(const MemoryState&) = delete;

  // `best`: where resident pages are asked for first; `read`: what tells the kernel's sums. 0, or -errno.
  int Collect(ResidentPages::Source best = ResidentPages::Source::kScan,
              bool (*read)(ProcessMemory*) = ReadProcessMemory);

  MemoryRows* rows() { return &rows_; }
  const MemoryRows& rows() const { return rows_; }
  const HeapAccount& heap() const { return heap_; }
  // All 0 where they cannot be read.
  const ProcessMemory& process() const { return process_; }
  ResidentPages::Source source() const { return pages_.source(); }
  MappedBy mapped_by() const { return mapped_by_; }
  // Whether the heap could be looked into.
  bool heap_known() const { return GetHeapView() != nullptr; }

 private:
  void Visit(const Area& area);
  void VisitAnonymous(const Area& area);
  void VisitFile(const Area& area);
  void WalkHeap(uintptr_t start, uintptr_t end);
  bool ReadRanges();
  // What the program mapped, from where pages_ stands: rows of these names, by who asked for it. `second` 0:
  // for no particular purpose.
  void AddByStack(uint32_t first, uint32_t second, uintptr_t end);
  // From where pages_ stands.
  void Piece(uintptr_t start, uintptr_t end, const OwnedRange* owned, const Area& area);
  // Last of all, as the rows themselves lie there.
  void AddOwnTables();
  void AddHeapRows();
  void Correct();

  MemoryRows rows_;
  ResidentPages pages_;
  AddressOwners owners_;
  HeapAccount heap_;
  CachedBlocks cached_ = {};
  ProcessMemory process_ = {};
  const OwnedRange* next_owned_ = nullptr;
  MappedRange* ranges_ = nullptr;
  size_t range_room_ = 0, range_count_ = 0, next_range_ = 0;
  uint32_t stacks_known_ = 0;
  MappedBy mapped_by_ = MappedBy::kNotFollowed;
  // The last private, writable mapping of a file: what follows it is its data that begins as zeros.
  uint32_t data_of_ = 0, image_of_ = 0;
  uintptr_t image_start_ = 0;  // where the file is mapped from its beginning
  uintptr_t data_end_ = 0;
  MemoryBytes allocator_;
  char text_[kAreaTextBytes];
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MEMORY_MEMORY_STATE_H_
