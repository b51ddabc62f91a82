// mmap and munmap as the private jemalloc calls them (alloc/backend/private_jemalloc.cmake renames them):
// what it maps is noted, so that the leak check can tell it from the program's own memory.
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/system/own_mappings.h"

#pragma GCC visibility push(hidden)
extern "C" {

void* hpje_mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset) {
  void* memory = mmap(address, size, protection, flags, fd, offset);
  if (memory != MAP_FAILED) heapprof::NoteOwnMapping(reinterpret_cast<uintptr_t>(memory), size);
  return memory;
}

int hpje_munmap(void* address, size_t size) {
  heapprof::ForgetOwnMapping(reinterpret_cast<uintptr_t>(address), size);
  return munmap(address, size);
}

}  // extern "C"
#pragma GCC visibility pop
