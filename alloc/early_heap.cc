#include "alloc/early_heap.h"

#include <stdint.h>

#include <atomic>

#include "base/raw_syscall.h"

namespace heapprof {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kHeapSize = 64 << 20;  // address space; pages are taken when touched

// Reads 0 instead of its initial value until the loader has copied the TLS image.
constexpr uint32_t kTlsImage = 0x71757570;
thread_local uint32_t t_tls_image __attribute__((tls_model("initial-exec"))) = kTlsImage;

std::atomic<uintptr_t> g_heap;
std::atomic<size_t> g_used;

uintptr_t Heap() {
  uintptr_t heap = g_heap.load(std::memory_order_acquire);
  if (heap != 0) return heap;
  void* fresh = RawMap(kHeapSize);
  if (fresh == nullptr) return 0;
  if (g_heap.compare_exchange_strong(heap, reinterpret_cast<uintptr_t>(fresh), std::memory_order_acq_rel)) {
    return reinterpret_cast<uintptr_t>(fresh);
  }
  RawUnmap(fresh, kHeapSize);
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
  if (size > kHeapSize || alignment > kHeapSize) return nullptr;
  uintptr_t heap = Heap();
  if (heap == 0) return nullptr;
  size_t used = g_used.load(std::memory_order_relaxed);
  uintptr_t block;
  size_t end;
  do {
    block = AlignUp(heap + used + sizeof(size_t), alignment);
    end = block + (size == 0 ? 1 : size) - heap;
    if (end > kHeapSize) return nullptr;
  } while (!g_used.compare_exchange_weak(used, end, std::memory_order_relaxed));
  reinterpret_cast<size_t*>(block)[-1] = size;
  return reinterpret_cast<void*>(block);
}

bool IsEarlyBlock(const void* block) {
  uintptr_t heap = g_heap.load(std::memory_order_acquire);
  return heap != 0 && reinterpret_cast<uintptr_t>(block) - heap < kHeapSize;
}

size_t EarlyBlockSize(const void* block) { return static_cast<const size_t*>(block)[-1]; }

}  // namespace heapprof
