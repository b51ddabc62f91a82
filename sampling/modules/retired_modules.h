// SPDX-License-Identifier: Apache-2.0
// Modules that dlclose has unmapped while recorded stacks still refer to their code.
//
// Such code gets addresses that no process has, from kRetiredBase on, with a module of its own for the
// profiles (path, offset, build id), so that a plug-in's allocations keep their names even if another library
// is mapped at the same place later. A module that comes and goes again has the same addresses each time.
//
// module_watch.h says when. Thread-safety: one writer at a time (FindOrAdd), readers at any time, without
// locks. Signal-safety: reading. Allocates: mmap only, within metadata_limit; without memory the code loses
// its name, as it does elsewhere. Zeroed memory is an empty table.
#ifndef HEAPPROF_SAMPLING_MODULES_RETIRED_MODULES_H_
#define HEAPPROF_SAMPLING_MODULES_RETIRED_MODULES_H_

#include <stdint.h>

#include <atomic>

#include "base/memory/arena.h"
#include "base/memory/bump_allocator.h"

namespace heapprof {

struct Module;
struct CodeSegment;

constexpr uint64_t kRetiredBase = uint64_t{1} << 48;  // above all addresses of user space

struct RetiredModule {
  uint64_t start, limit;  // the addresses it has now
  uint64_t file_offset;   // of `start`
  const char* path;
  const char* build_id;
  uint64_t inode;
  uint32_t device;
};

class RetiredModules {
 public:
  uint32_t count() const { return count_.load(std::memory_order_acquire); }
  const RetiredModule& At(uint32_t index) const { return *modules_.At(index); }

  // The entry of a module, a new one if it never went before. nullptr: no memory.
  const RetiredModule* FindOrAdd(const Module& module);

  // The entry that a module's code has from earlier times: a segment of the image whose header is at `image`,
  // loaded from `path`. nullptr: it never went. Reads the image, in some kilobytes of stack.
  const RetiredModule* FindCode(const CodeSegment& code, uintptr_t image, const char* path) const;

 private:
  const char* KeepText(const char* text);

  ChunkedArray<RetiredModule, 6, 64> modules_;
  std::atomic<uint32_t> count_{0};
  uint64_t given_ = 0;    // of the addresses from kRetiredBase on
  BumpAllocator memory_;  // of texts
};

// Those of this process.
RetiredModules& ProcessRetiredModules();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MODULES_RETIRED_MODULES_H_
