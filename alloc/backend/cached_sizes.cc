// SPDX-License-Identifier: Apache-2.0
#include "alloc/backend/cached_sizes.h"

#include "sampling/thread/sample_classes.h"

namespace heapprof {
namespace {

constexpr CachedSizes Make() {
  CachedSizes sizes = {};
  size_t usable = 8, bin = JE_BINS;
  for (size_t eighths = 0; eighths <= JE_LOOKUP_MAX / 8; ++eighths) {
    if (eighths * 8 > usable) {
      usable = sample_classes::NextClass(usable);
      bin += JE_BIN_SIZE;
    }
    sizes.of[eighths] = {static_cast<uint16_t>(usable), static_cast<uint16_t>(bin)};
  }
  return sizes;
}

}  // namespace

constexpr CachedSizes g_cached_sizes = Make();
static_assert(sizeof(CachedSize) == 4);  // the fast path has it as a number

}  // namespace heapprof
