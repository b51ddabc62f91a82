// SPDX-License-Identifier: Apache-2.0
#include "alloc/backend/cached_sizes.h"

namespace heapprof {
namespace {

// The classes: 8, 16, then steps of 16 up to 128, then four to each doubling.
constexpr size_t NextClass(size_t size) {
  size_t step = 16;
  while (size >= step * 8) step *= 2;
  return size == 8 ? 16 : size + step;
}

constexpr CachedSizes Make() {
  CachedSizes sizes = {};
  size_t usable = 8, bin = JE_BINS;
  for (size_t eighths = 0; eighths <= JE_LOOKUP_MAX / 8; ++eighths) {
    if (eighths * 8 > usable) {
      usable = NextClass(usable);
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
