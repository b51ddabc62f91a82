// SPDX-License-Identifier: Apache-2.0
// Blocks that a program of these tests holds, by the function whose name a profile is looked into for: one
// for those from before its profiler was on, one for later ones.
#pragma once

#include <vector>

#include "tests/system/programs/program.h"

using Blocks = std::vector<void*>;

inline void Free(const Blocks& blocks) {
  for (void* block : blocks) free(block);
}

NOINLINE inline Blocks HoldBefore(size_t count, size_t size) {
  Blocks blocks;
  blocks.reserve(count);
  for (size_t i = 0; i < count; ++i) blocks.push_back(malloc(size));
  return blocks;
}

NOINLINE inline Blocks HoldAfter(size_t count, size_t size) {
  Blocks blocks;
  blocks.reserve(count);
  for (size_t i = 0; i < count; ++i) blocks.push_back(malloc(size));
  return blocks;
}
