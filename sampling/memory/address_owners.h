// SPDX-License-Identifier: Apache-2.0
// Whose the anonymous memory is that /proc shows without a name: the allocator's, the profiler's, a thread's.
// The kernel joins neighbours to one mapping, whoever mapped them.
//
// Thread-safety: an object belongs to one thread. Signal-safety: yes. Allocates: mmap only.
// Invariant: ranges are in ascending order of their starts. They may overlap: the earlier one counts.
#ifndef HEAPPROF_SAMPLING_MEMORY_ADDRESS_OWNERS_H_
#define HEAPPROF_SAMPLING_MEMORY_ADDRESS_OWNERS_H_

#include <stddef.h>
#include <stdint.h>

#include "base/system/own_mappings.h"
#include "sampling/memory/heap_view.h"
#include "sampling/memory/memory_rows.h"
#include "sampling/stop/thread_table.h"

namespace heapprof {

struct OwnedRange {
  enum class Owner : uint32_t { kAllocator, kProfiler, kStack, kThreadLocal };
  uintptr_t start, end;
  Owner owner;
  uint32_t name;  // of a stack: its thread's, in the rows
};

class AddressOwners {
 public:
  AddressOwners() = default;
  ~AddressOwners();
  AddressOwners(const AddressOwners&) = delete;
  AddressOwners& operator=(const AddressOwners&) = delete;

  // Also adds up what threads have in their caches. False: no memory.
  bool Collect(MemoryRows* rows, CachedBlocks* cached);

  const OwnedRange* begin() const { return ranges_; }
  const OwnedRange* end() const { return ranges_ + count_; }
  // False: there were too many to be known.
  bool complete() const { return complete_; }
  // The name of the thread that the process began with.
  uint32_t first_thread() const { return first_thread_; }

 private:
  void Add(uintptr_t start, uintptr_t end, OwnedRange::Owner owner, uint32_t name);
  void AddMappings(MappingOwner mapped_by, OwnedRange::Owner owner);
  void AddThread(uintptr_t control_block, MemoryRows* rows, CachedBlocks* cached);

  TaskFolder tasks_;
  OwnedRange* ranges_ = nullptr;
  size_t count_ = 0;
  bool complete_ = true;
  uint32_t first_thread_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MEMORY_ADDRESS_OWNERS_H_
