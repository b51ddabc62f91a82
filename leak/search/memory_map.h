// SPDX-License-Identifier: Apache-2.0
// The mappings of this process, as the leak check needs them: all that hold data, read out of /proc.
//
// Thread-safety: an object belongs to one reader. Signal-safety: yes. Allocates: mmap only.
// Invariant: mappings are in ascending order of their addresses and do not overlap.
#ifndef HEAPPROF_LEAK_SEARCH_MEMORY_MAP_H_
#define HEAPPROF_LEAK_SEARCH_MEMORY_MAP_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof::leak {

struct Mapping {
  uintptr_t start, end;
  bool readable, writable, executable, shared;
  bool anonymous;  // no file; shared memory without a name counts as that
  bool loader;     // of the dynamic loader's file
};

class MemoryMap {
 public:
  MemoryMap() = default;
  ~MemoryMap();
  MemoryMap(const MemoryMap&) = delete;
  MemoryMap& operator=(const MemoryMap&) = delete;

  // 0 or -errno.
  int Read();

  size_t count() const { return count_; }
  const Mapping& at(size_t index) const { return mappings_[index]; }
  // The mapping of an address, or nullptr.
  const Mapping* Find(uintptr_t address) const;
  // That mapping, or else the first above it; nullptr: there is none.
  const Mapping* FindFrom(uintptr_t address) const;
  // The mapping that ends where `mapping`, one of these, begins; nullptr: there is none.
  const Mapping* Below(const Mapping& mapping) const;

 private:
  bool AddLine(const char* line, size_t size);

  Mapping* mappings_ = nullptr;
  size_t count_ = 0, capacity_ = 0;
};

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_SEARCH_MEMORY_MAP_H_
