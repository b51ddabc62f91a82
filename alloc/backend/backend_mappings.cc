// SPDX-License-Identifier: Apache-2.0
// mmap, munmap, madvise, mprotect and sbrk as the private jemalloc calls them
// (alloc/backend/private_jemalloc.cmake renames them).
//
// What it maps is noted, so that the leak check can tell it from the program's own memory. And errno stays as
// it was: jemalloc goes on when the kernel refuses to take pages back (it does under mlockall) or to unmap,
// and the program must not see that in what free(), which has no errors, leaves behind.
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/system/own_mappings.h"
#include "base/system/raw_syscall.h"

namespace {

long Word(const void* address) { return reinterpret_cast<long>(address); }

}  // namespace

#pragma GCC visibility push(hidden)
extern "C" {

void* hpje_mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset) {
  long memory =
      heapprof::RawSyscall(SYS_mmap, Word(address), static_cast<long>(size), protection, flags, fd, offset);
  constexpr long kMinError = -4095;
  if (memory < 0 && memory >= kMinError) return MAP_FAILED;
  heapprof::NoteOwnMapping(static_cast<uintptr_t>(memory), size, heapprof::MappingOwner::kAllocator);
  return reinterpret_cast<void*>(memory);
}

// For dss:primary. The page that the program's own data ends on stays the program's.
void* hpje_sbrk(intptr_t increment) {
  const int saved = errno;
  void* memory = sbrk(increment);
  errno = saved;
  constexpr uintptr_t kPageMask = 4095;
  auto start = reinterpret_cast<uintptr_t>(memory);
  uintptr_t whole = (start + kPageMask) & ~kPageMask;
  if (increment > 0 && start != UINTPTR_MAX && whole < start + static_cast<uintptr_t>(increment)) {
    heapprof::NoteOwnMapping(whole, start + static_cast<uintptr_t>(increment) - whole,
                             heapprof::MappingOwner::kAllocator);
  }
  return memory;
}

int hpje_munmap(void* address, size_t size) {
  // First: once it is unmapped, another thread may have it.
  heapprof::ForgetOwnMapping(reinterpret_cast<uintptr_t>(address), size);
  if (heapprof::RawSyscall(SYS_munmap, Word(address), static_cast<long>(size)) == 0) return 0;
  heapprof::NoteOwnMapping(reinterpret_cast<uintptr_t>(address), size, heapprof::MappingOwner::kAllocator);
  return -1;
}

int hpje_madvise(void* address, size_t size, int advice) {
  return heapprof::RawSyscall(SYS_madvise, Word(address), static_cast<long>(size), advice) == 0 ? 0 : -1;
}

int hpje_mprotect(void* address, size_t size, int protection) {
  return heapprof::RawSyscall(SYS_mprotect, Word(address), static_cast<long>(size), protection) == 0 ? 0 : -1;
}

}  // extern "C"
#pragma GCC visibility pop
