// SPDX-License-Identifier: Apache-2.0
#include "base/memory/arena.h"

#include <sys/mman.h>
#include <sys/syscall.h>

namespace heapprof {
namespace {

std::atomic<uint64_t> g_limit{UINT64_MAX};
std::atomic<uint64_t> g_mapped{0};

}  // namespace

void SetMetadataLimit(uint64_t bytes) { g_limit.store(bytes, std::memory_order_relaxed); }

void* MapMetadata(size_t bytes) {
  // Where the limit is reached, and many ask, they do not write.
  if (g_mapped.load(std::memory_order_relaxed) + bytes > g_limit.load(std::memory_order_relaxed))
    return nullptr;
  uint64_t before = g_mapped.fetch_add(bytes, std::memory_order_relaxed);
  if (before + bytes <= g_limit.load(std::memory_order_relaxed)) {
    if (void* memory = RawMapTable(bytes)) return memory;
  }
  g_mapped.fetch_sub(bytes, std::memory_order_relaxed);
  return nullptr;
}

void UnmapMetadata(void* address, size_t bytes) {
  RawUnmap(address, bytes);
  g_mapped.fetch_sub(bytes, std::memory_order_relaxed);
}

void RetireMetadata(void* address, size_t bytes) {
  RawSyscall(SYS_madvise, reinterpret_cast<long>(address), static_cast<long>(bytes), MADV_DONTNEED);
  g_mapped.fetch_sub(bytes, std::memory_order_relaxed);
}

uint64_t MetadataBytes() { return g_mapped.load(std::memory_order_relaxed); }

}  // namespace heapprof
