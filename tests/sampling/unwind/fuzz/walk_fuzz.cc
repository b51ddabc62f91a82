// SPDX-License-Identifier: Apache-2.0
// Any registers and any stack, from PCs of this program and of its libraries: the walk stays inside of the
// stack, whether its bounds are known or not, and ends.
//
// Input: which PC (2 bytes), flags (1), offsets of rsp and rbp (2 each), the stack.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <vector>

#include "sampling/unwind/caller_frame.h"
#include "sampling/unwind/walk.h"

namespace {

using heapprof::StackBounds;
using heapprof::WalkResult;

constexpr size_t kStackSize = 4096;
constexpr uint32_t kMax = 200;

// A page between two that nobody may read.
uint8_t* GuardedPage() {
  auto* pages =
      static_cast<uint8_t*>(mmap(nullptr, 3 * kStackSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(pages + kStackSize, kStackSize, PROT_READ | PROT_WRITE);
  return pages + kStackSize;
}

__attribute__((noinline)) std::vector<uintptr_t> OwnPcs() {
  uintptr_t pcs[64];
  const WalkResult walk = heapprof::WalkStack(HEAPPROF_CALLER_FRAME(), {0, 0}, pcs, 64);
  std::vector<uintptr_t> all(pcs, pcs + walk.depth);
  // Functions of libc with frames of all kinds, at odd offsets.
  for (void* function : {reinterpret_cast<void*>(&qsort), reinterpret_cast<void*>(&mmap),
                         reinterpret_cast<void*>(&strtod), reinterpret_cast<void*>(&swapcontext)}) {
    for (uintptr_t offset = 0; offset < 120; offset += 3)
      all.push_back(reinterpret_cast<uintptr_t>(function) + offset);
  }
  all.push_back(0);
  all.push_back(UINTPTR_MAX);
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static uint8_t* const stack = GuardedPage();
  static const std::vector<uintptr_t> known = OwnPcs();
  if (size < 7) return 0;
  uint16_t which, sp_offset, fp_offset;
  memcpy(&which, data, 2);
  const uint8_t flags = data[2];
  memcpy(&sp_offset, data + 3, 2);
  memcpy(&fp_offset, data + 5, 2);
  data += 7;
  size = std::min(size - 7, kStackSize);
  memset(stack, 0, kStackSize);
  memcpy(stack, data, size);
  const auto low = reinterpret_cast<uintptr_t>(stack);
  // Some words become what a stack holds: return addresses and saved frame pointers.
  for (size_t i = 0; i + 8 <= size; i += 8) {
    uintptr_t word;
    memcpy(&word, stack + i, 8);
    if (word % 4 == 1) word = known[(word >> 2) % known.size()];
    if (word % 4 == 2) word = low + (word >> 2) % kStackSize;
    memcpy(stack + i, &word, 8);
  }
  const uintptr_t sp = low + sp_offset % (kStackSize + 64), fp = low + fp_offset % (kStackSize + 64);
  const StackBounds bounds = (flags & 1) != 0 ? StackBounds{low, low + kStackSize} : StackBounds{0, 0};
  uintptr_t pcs[kMax];
  WalkResult walk;
  if ((flags & 2) != 0) {
    ucontext_t context = {};
    context.uc_mcontext.gregs[REG_RIP] = static_cast<greg_t>(known[which % known.size()]);
    context.uc_mcontext.gregs[REG_RSP] = static_cast<greg_t>(sp);
    context.uc_mcontext.gregs[REG_RBP] = static_cast<greg_t>(fp);
    context.uc_mcontext.gregs[REG_RBX] = static_cast<greg_t>(fp);
    walk = heapprof::WalkStackFromContext(context, bounds, pcs, kMax);
  } else {
    walk = heapprof::WalkStack({known[which % known.size()], sp, fp}, bounds, pcs, kMax);
  }
  if (walk.depth < 1 || walk.depth > kMax) abort();
  return 0;
}
