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
  // Classes above it are at least 1024 bytes apart.
  for (size_t units = JE_LOOKUP_MAX / 1024 + 1; units <= JE_CACHED_MAX / 1024; ++units) {
    if (units * 1024 > usable) {
      usable = sample_classes::NextClass(usable);
      bin += JE_BIN_SIZE;
    }
    sizes.larger[units] = {static_cast<uint16_t>(usable), static_cast<uint16_t>(bin)};
  }
  return sizes;
}

}  // namespace

constexpr CachedSizes g_cached_sizes = Make();
// The fast path has these as numbers.
static_assert(sizeof(CachedSize) == 4 && offsetof(CachedSizes, larger) == 4 * (JE_LOOKUP_MAX / 8 + 1));
static_assert(g_cached_sizes.larger[JE_CACHED_MAX / 1024].usable == JE_CACHED_MAX &&
              g_cached_sizes.larger[JE_CACHED_MAX / 1024].bin ==
                  JE_BINS + JE_BIN_SIZE * (JE_CACHED_CLASSES - 1));

}  // namespace heapprof
