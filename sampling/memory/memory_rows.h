// SPDX-License-Identifier: Apache-2.0
// Bytes by cause: rows that are known by up to three names, the root of the tree first, and a stack if there
// is one.
//
//   [files] -> /usr/lib/libx.so -> [code]      resident, mapped
// Thread-safety: an object belongs to one thread. Signal-safety: yes. Allocates: mmap only; memory is touched
// as rows come. What finds no room is counted under "[others]" in place of its last names: no byte is lost.
#ifndef HEAPPROF_SAMPLING_MEMORY_MEMORY_ROWS_H_
#define HEAPPROF_SAMPLING_MEMORY_MEMORY_ROWS_H_

#include <stddef.h>
#include <stdint.h>

#include "sampling/memory/resident_pages.h"

namespace heapprof {

// The names of causes.
namespace cause {
inline constexpr char kHeap[] = "[heap]", kLive[] = "[live blocks]",
                      kRounding[] = "[rounding to size classes]", kSlabs[] = "[free in slabs]",
                      kCaches[] = "[thread caches]", kDirty[] = "[dirty and muzzy pages]",
                      kAllocator[] = "[allocator's own]", kMapped[] = "[mapped by the program]",
                      kStacks[] = "[thread stacks]", kThreadLocal[] = "[thread-local storage]",
                      kFiles[] = "[files]", kShared[] = "[shared memory]", kOwn[] = "[heapprof's own]",
                      kNotExplained[] = "[not explained]";
}  // namespace cause

struct MemoryRow {
  static constexpr int kNames = 3;
  uint32_t names[kNames];  // numbers of names; 0: none
  uint32_t stack;          // of mapping_stacks.h, below the names; 0: none
  uint64_t resident, mapped;
  uint64_t doubtful;  // of `resident`
};

class MemoryRows {
 public:
  static constexpr uint32_t kMaxRows = 16 << 10, kMaxNames = 16 << 10;
  static constexpr size_t kPool = 2 << 20;

  MemoryRows() = default;
  ~MemoryRows();
  MemoryRows(const MemoryRows&) = delete;
  MemoryRows& operator=(const MemoryRows&) = delete;

  // False: no memory.
  bool Init();

  // The number of a name, which is copied. 0 for "".
  uint32_t Name(const char* name);
  const char* NameAt(uint32_t number) const { return space_->pool + space_->names[number]; }
  uint32_t name_count() const { return name_count_; }  // numbers are 1..name_count()

  void Add(uint32_t first, uint32_t second, uint32_t third, uint64_t mapped, const ResidentBytes& resident,
           uint32_t stack = 0);
  void Add(const char* first, const char* second, const char* third, uint64_t mapped, uint64_t resident) {
    ResidentBytes bytes;
    bytes.own = resident;
    Add(Name(first), Name(second), Name(third), mapped, bytes);
  }

  uint32_t count() const { return row_count_; }
  const MemoryRow& at(uint32_t i) const { return space_->rows[i]; }
  uint64_t Resident() const;
  uint64_t Mapped() const;
  // Of the rows that begin with this name.
  uint64_t ResidentUnder(uint32_t first) const;
  // Takes `bytes` off the doubtful pages, from each row its share; then no more is doubtful. `first`: of the
  // rows that begin with this name; 0: of all.
  void TakeDoubtful(uint64_t bytes, uint32_t first = 0);

 private:
  static constexpr uint32_t kSlots = 2 * kMaxRows;
  struct Space {
    uint32_t name_slots[kSlots], row_slots[kSlots];  // numbers; of rows, plus 1; 0: free
    uint32_t names[kMaxNames];                       // where each begins in the pool
    MemoryRow rows[kMaxRows];
    char pool[kPool];
  };

  Space* space_ = nullptr;
  uint32_t name_count_ = 0, row_count_ = 0;
  size_t pool_used_ = 1;
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MEMORY_MEMORY_ROWS_H_
