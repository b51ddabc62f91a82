// SPDX-License-Identifier: Apache-2.0
// The mappings of this process, each with its name, and what the kernel says of its memory as a whole.
//
// Read out of /proc in pieces. Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_MEMORY_AREAS_H_
#define HEAPPROF_SAMPLING_MEMORY_AREAS_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

struct Area {
  uintptr_t start, end;
  bool readable, writable, executable, shared;
  uint64_t offset;
  const char* name;  // a path, "[stack]", "[anon:...]", or ""; during the visit
};

// Several of the longest lines of /proc/self/maps: a path of 4,096 bytes, escaped, and fields.
inline constexpr size_t kAreaTextBytes = 32 << 10;

// Visits all in ascending order of their addresses. `text` has kAreaTextBytes. 0 or -errno.
int ForEachArea(char* text, void (*visit)(void* context, const Area& area), void* context);

// In bytes, of /proc/self/status.
struct ProcessMemory {
  uint64_t size, resident, anonymous, file, shared, swapped, page_tables;
};
// False: it cannot be read.
bool ReadProcessMemory(ProcessMemory* memory);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MEMORY_AREAS_H_
