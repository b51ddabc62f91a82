// Modules that dlclose has unmapped while recorded stacks still refer to their code.
//
// Such code gets addresses that no process has, from kRetiredBase on, with a module of its own for the
// profiles (path, offset, build id), so that a plug-in's allocations keep their names even if another library
// is mapped at the same place later. A module that comes and goes again has the same addresses each time.
//
// Thread-safety: yes; reading at any time, without locks. Signal-safety: RetiredModuleCount and
// RetiredModuleAt; the others run in ordinary context, around dlclose. Allocates: mmap only, within
// metadata_limit; without memory the code loses its name, as it does elsewhere.
#ifndef HEAPPROF_SAMPLING_RETIRED_MODULES_H_
#define HEAPPROF_SAMPLING_RETIRED_MODULES_H_

#include <stdint.h>

namespace heapprof {

constexpr uint64_t kRetiredBase = uint64_t{1} << 48;  // above all addresses of user space

struct RetiredModule {
  uint64_t start, limit;  // the addresses it has now
  uint64_t file_offset;   // of `start`
  const char* path;
  const char* build_id;
};

uint32_t RetiredModuleCount();
const RetiredModule& RetiredModuleAt(uint32_t index);

// Before and after libc's dlclose. BeforeUnload remembers what is mapped, if that changed since it last did;
// AfterUnload retires what has gone, if anything has. Nothing is done as long as no stack is recorded, but
// for the walk's rules, which are forgotten.
void BeforeUnload();
void AfterUnload();

void LockModulesForFork();
void UnlockModulesAfterFork(bool in_child);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_RETIRED_MODULES_H_
