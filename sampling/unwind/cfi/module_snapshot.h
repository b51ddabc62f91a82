// SPDX-License-Identifier: Apache-2.0
// Where the modules' unwind tables are, for a libc without _dl_find_object (glibc before 2.35): read from the
// loader in ordinary context, looked up anywhere.
//
// Two tables: Take fills the one that nobody reads and then shows it. A reader that is overtaken twice while
// it reads sees that the number of the taking has moved on, and finds nothing. Thread-safety: Find, yes;
// Take, one at a time. Signal-safety: Find. Allocates: never; what finds no room is not found. Locks: none in
// Find; Take takes the loader's.
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
