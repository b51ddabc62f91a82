// SPDX-License-Identifier: Apache-2.0
// The memory that a profile is written with: the stack the writer runs on, with a page below that faults, and
// its workspace.
//
// Mapped before it is needed and never touched until then, as a program that has used its address space up
// must still be able to dump; given back to the kernel after each use, which also zeroes it for the next.
// Thread-safety: guarded by its owner's lock. Signal-safety: yes. Allocates: mmap only.
#ifndef HEAPPROF_PROFILES_OUTPUT_DUMP_MEMORY_H_
#define HEAPPROF_PROFILES_OUTPUT_DUMP_MEMORY_H_

#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/system/raw_syscall.h"

namespace heapprof {

class DumpMemory {
 public:
  // True: there is memory, now or from an earlier call.
  bool Map(size_t workspace_size) {
    if (base_ != nullptr) return true;
    size_ = kGuard + kStack + workspace_size;
    base_ = static_cast<char*>(RawMap(size_));
    if (base_ == nullptr) return false;
    RawSyscall(SYS_mprotect, reinterpret_cast<long>(base_), kGuard, PROT_NONE);
    return true;
  }
  void GiveBack() {
    if (base_ == nullptr) return;
    RawSyscall(SYS_madvise, reinterpret_cast<long>(base_ + kGuard), static_cast<long>(size_ - kGuard),
               MADV_DONTNEED);
  }
  void* stack_top() const { return base_ + kGuard + kStack; }
  void* workspace() const { return base_ + kGuard + kStack; }

 private:
  static constexpr size_t kGuard = 4096;
  static constexpr size_t kStack = 256 << 10;

  char* base_ = nullptr;
  size_t size_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_OUTPUT_DUMP_MEMORY_H_
