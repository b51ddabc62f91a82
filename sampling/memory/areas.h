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

// Visits the lines of a file, which end with a NUL then. `text` has kAreaTextBytes. 0 or -errno.
int ForEachLine(const char* path, char* text, void (*visit)(void* context, const char* line), void* context);

// Visits all in ascending order of their addresses. `text` has kAreaTextBytes. 0 or -errno.
int ForEachArea(char* text, void (*visit)(void* context, const Area& area), void* context);

// In bytes, of /proc/self/status.
struct ProcessMemory {
  uint64_t size, resident, anonymous, file, shared, swapped, page_tables;
};
// False: it cannot be read.
bool ReadProcessMemory(ProcessMemory* memory);

// What is resident of the largest mappings as the kernel adds it up (/proc/self/smaps): to look at terabytes
// page by page takes minutes.
class LargeAreas {
 public:
  struct Resident {
    uintptr_t start, end;
    uint64_t resident, own;  // `own`: of it, private pages
  };

  // Those of `least` bytes and more. `text` has kAreaTextBytes.
  void Read(uintptr_t least, char* text);
  // nullptr: it is not known.
  const Resident* Find(uintptr_t start, uintptr_t end) const;

 private:
  static constexpr size_t kMost = 256;
  void Take(const char* line);

  uintptr_t least_ = 0;
  size_t count_ = 0;
  bool is_large_ = false;  // of the area whose lines come
  Resident areas_[kMost];
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MEMORY_AREAS_H_
