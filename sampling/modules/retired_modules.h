// SPDX-License-Identifier: Apache-2.0
// Modules that dlclose has unmapped while recorded stacks still refer to their code.
//
// Such code gets addresses that no process has, from kRetiredBase on, with a module of its own for the
// profiles (path, offset, build id), so that a plug-in's allocations keep their names even if another library
// is mapped at the same place later. A module that comes and goes again has the same addresses each time.
//
// module_watch.h says when. Thread-safety: reading at any time, without locks. Signal-safety: reading.
// Allocates: mmap only, within metadata_limit; without memory the code loses its name, as it does elsewhere.
#ifndef HEAPPROF_SAMPLING_MODULES_RETIRED_MODULES_H_
#define HEAPPROF_SAMPLING_MODULES_RETIRED_MODULES_H_

#include <stdint.h>

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

uint32_t RetiredModuleCount();
const RetiredModule& RetiredModuleAt(uint32_t index);

// The entry of a module, a new one if it never went before. nullptr: no memory. One caller at a time.
const RetiredModule* FindOrAddRetiredModule(const Module& module);

// The entry that a module's code has from earlier times: a segment of the image whose header is at `image`,
// loaded from `path`. nullptr: it never went. Reads the image, in some kilobytes of stack.
const RetiredModule* FindRetiredCode(const CodeSegment& code, uintptr_t image, const char* path);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MODULES_RETIRED_MODULES_H_
