// SPDX-License-Identifier: Apache-2.0
// Which module an address is in, for a libc without _dl_find_object (glibc before 2.35).
//
// The loader's list is read as a debugger reads it: by calls that fail instead of faulting, and without the
// loader's lock. So a look-up may read it too, wherever it is made, when an address is in no module that is
// known: what has been loaded since then stands behind the last one that is known. What has been unloaded is
// forgotten by Take; until then a look-up sees that the module's tables are not there any more.
//
// There are two tables. Take fills the one that is not shown, and then shows it. So the table that a reader
// uses is overwritten only by the second Take after it began. The reader sees this by the number of takings,
// and looks again.
//
// Thread-safety: yes; of two who take at a time the second does nothing. Signal-safety: yes. Allocates:
// never; modules beyond kMax, and those of other namespaces (dlmopen), are not found. Locks: none.
#pragma once

#include <link.h>
#include <stdint.h>

#include <atomic>

namespace heapprof {

struct LoadedModule {
  uintptr_t lo, hi;
  uintptr_t eh_frame_hdr;  // 0: it has none
  uint64_t mark[2];        // what the latter begins with
  const link_map* map;
};

class LoadedModules {
 public:
  // What is loaded now.
  void Take();
  bool Find(uintptr_t address, LoadedModule* module);
  uint32_t count() const { return tables_[taken_.load(std::memory_order_acquire) & 1].count; }
  // In the child of a fork: who took them in the parent may not be there.
  void ForgetTaker() { taking_.store(false, std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kMax = 2048;
  static constexpr int kMaxSegments = 32;
  struct Table {
    uint32_t count;
    const link_map* last;        // of the loader's list
    LoadedModule modules[kMax];  // by address, ascending
  };

  bool FindKnown(uintptr_t address, LoadedModule* module) const;
  bool HasNew() const;
  void Add(const link_map& map, const link_map* at, Table* table);
  const ElfW(Phdr) * ReadSegments(const link_map& map, int* count);

  Table tables_[2] = {};
  ElfW(Phdr) segments_[kMaxSegments] = {};  // of who takes
  std::atomic<uint64_t> taken_{0};
  std::atomic<bool> taking_{false};
};

}  // namespace heapprof
