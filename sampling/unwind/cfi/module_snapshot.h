// SPDX-License-Identifier: Apache-2.0
// Where the modules' unwind tables are, for a libc without _dl_find_object (glibc before 2.35). Take reads
// them from the loader, in ordinary context. Find looks one up, in signal handlers too.
//
// There are two tables. Take fills the one that is not shown, and then shows it. So the table that a reader
// uses is overwritten only by the second Take after it began. The reader sees this by the number of takings,
// and then finds nothing.
// Thread-safety: Find, yes; Take, one at a time. Signal-safety: Find. Allocates: never; modules beyond kMax
// are not found. Locks: none in Find; Take takes the loader's.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_MODULE_SNAPSHOT_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_MODULE_SNAPSHOT_H_

#include <stdint.h>

#include <atomic>

#include "sampling/unwind/cfi/cfi.h"

namespace heapprof::unwind {

class ModuleSnapshot {
 public:
  // What is loaded now.
  void Take();
  // The tables of the module that `pc` lies in.
  bool Find(uintptr_t pc, UnwindTables* tables) const;
  uint32_t count() const { return tables_[taken_.load(std::memory_order_acquire) & 1].count; }

 private:
  static constexpr uint32_t kMax = 2048;
  struct Table {
    uint32_t count;
    UnwindTables modules[kMax];  // by address, ascending
  };
  Table tables_[2] = {};
  std::atomic<uint64_t> taken_{0};
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_MODULE_SNAPSHOT_H_
