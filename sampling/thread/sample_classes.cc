// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/sample_classes.h"

#include "sampling/thread/countdown.h"

namespace heapprof::sample_classes {
namespace {

constexpr FreedSizes Make() {
  FreedSizes sizes = {};
  uint64_t bytes = 8;
  for (uint64_t& of_class : sizes.of) {
    of_class = bytes;
    bytes = NextClass(bytes);
  }
  return sizes;
}

}  // namespace

FreedSizes g_freed_sizes = Make();
uint32_t g_slow_free_mask = 0, g_slow_sized_mask = 0;

namespace {

// A mask only loses bits, once it has any.
void Lower(uint32_t* mask, uint32_t bits) {
  uint32_t before = __atomic_load_n(mask, __ATOMIC_RELAXED);
  while ((before == 0 || bits < before) &&
         !__atomic_compare_exchange_n(mask, &before, bits, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}

}  // namespace

void Admit(uint64_t mask) {
  // relaxed: as with the mask of samples, whoever frees a sample was handed it by a way that orders.
  const bool frequent = mask <= kFrequentMask;
  for (uint64_t& of_class : g_freed_sizes.of) {
    if (frequent || (__atomic_load_n(&of_class, __ATOMIC_RELAXED) & mask) == 0)
      __atomic_or_fetch(&of_class, kMayHold, __ATOMIC_RELAXED);
  }
  Lower(&g_slow_free_mask, mask <= kMinSampleMask ? static_cast<uint32_t>(kMinSampleMask) : UINT32_MAX);
  Lower(&g_slow_sized_mask, static_cast<uint32_t>(frequent ? kMinSampleMask : mask));
}

}  // namespace heapprof::sample_classes
