// SPDX-License-Identifier: Apache-2.0
#include "alloc/backend/early_heap.h"

#include "base/system/raw_syscall.h"

namespace heapprof {

std::atomic<uintptr_t> g_early_heap;

namespace {

constexpr size_t kPage = 4096;

// Reads 0 instead of its initial value until the loader has copied the TLS image.
constexpr uint32_t kTlsImage = 0x71757570;
thread_local uint32_t t_tls_image __attribute__((tls_model("initial-exec"))) = kTlsImage;

std::atomic<size_t> g_used;

uintptr_t Heap() {
  uintptr_t heap = g_early_heap.load(std::memory_order_acquire);
  if (heap != 0) return heap;
  void* fresh = RawMap(kEarlyHeapSize);
  if (fresh == nullptr) return 0;
  if (g_early_heap.compare_exchange_strong(heap, reinterpret_cast<uintptr_t>(fresh),
                                           std::memory_order_acq_rel)) {
    return reinterpret_cast<uintptr_t>(fresh);
  }
  RawUnmap(fresh, kEarlyHeapSize);
  return heap;
}

uintptr_t AlignUp(uintptr_t value, size_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }

}  // namespace

bool BeforeTls() {
  // volatile: the compiler knows the initial value, and that nobody changes it.
  return *static_cast<volatile uint32_t*>(&t_tls_image) != kTlsImage;
}

void* EarlyAllocate(size_t size, size_t alignment) {
  if (alignment < kPage) alignment = kPage;
  if (size > kEarlyHeapSize || alignment > kEarlyHeapSize) return nullptr;
  uintptr_t heap = Heap();
  if (heap == 0) return nullptr;
  size_t used = g_used.load(std::memory_order_relaxed);
  uintptr_t block;
  size_t end;
  do {
    block = AlignUp(heap + used + sizeof(size_t), alignment);
    end = block + (size == 0 ? 1 : size) - heap;
    if (end > kEarlyHeapSize) return nullptr;
  } while (!g_used.compare_exchange_weak(used, end, std::memory_order_relaxed));
  reinterpret_cast<size_t*>(block)[-1] = size;
  return reinterpret_cast<void*>(block);
}

AddressRange EarlyBlocks() {
  uintptr_t heap = g_early_heap.load(std::memory_order_acquire);
  return {heap, heap + (heap == 0 ? 0 : g_used.load(std::memory_order_relaxed))};
}

size_t EarlyBlockSize(const void* block) { return static_cast<const size_t*>(block)[-1]; }

}  // namespace heapprof
