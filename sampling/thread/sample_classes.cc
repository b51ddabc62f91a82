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
uint32_t g_slow_free_mask = 0;

void Admit(uint64_t mask) {
  // relaxed: as with the mask of samples, whoever frees a sample was handed it by a way that orders.
  for (uint64_t& of_class : g_freed_sizes.of) {
    if ((__atomic_load_n(&of_class, __ATOMIC_RELAXED) & mask) == 0)
      __atomic_or_fetch(&of_class, kMayHold, __ATOMIC_RELAXED);
  }
  const uint32_t slow = mask <= kMinSampleMask ? static_cast<uint32_t>(kMinSampleMask) : UINT32_MAX;
  uint32_t before = __atomic_load_n(&g_slow_free_mask, __ATOMIC_RELAXED);
  while ((before == 0 || slow < before) &&
         !__atomic_compare_exchange_n(&g_slow_free_mask, &before, slow, true, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED)) {
  }
}

}  // namespace heapprof::sample_classes
