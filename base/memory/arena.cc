// SPDX-License-Identifier: Apache-2.0
#include "base/memory/arena.h"

#include <sys/mman.h>
#include <sys/syscall.h>

namespace heapprof {
namespace {

// A process whose tables are that large soon fills the next small piece of them, too: its pages come at once
// rather than by a fault each (cc1plus at interval 1: 4,000 faults of 66,500, one hundredth of its time).
// Kernels before 5.14 refuse, and then they come by faults.
constexpr uint64_t kMuch = 2 << 20, kSmallPart = 8;
constexpr long kPopulateWrite = 23;  // MADV_POPULATE_WRITE; older headers lack it

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
    if (void* memory = RawMapTable(bytes)) {
      if (before >= kMuch && bytes <= before / kSmallPart) {
        RawSyscall(SYS_madvise, reinterpret_cast<long>(memory), static_cast<long>(bytes), kPopulateWrite);
      }
      return memory;
    }
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
