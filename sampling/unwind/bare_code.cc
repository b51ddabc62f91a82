// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/bare_code.h"

#include <atomic>

#include "base/hash.h"
#include "base/system/raw_syscall.h"
#include "sampling/unwind/rule_cache.h"

namespace heapprof::unwind {
namespace {

// Addresses in other code, as keys of a generation: programs whose own assembler code allocates (node's
// built-in functions) come by the same few again and again, and each look is a system call.
// relaxed: an entry is one word, and tells nothing of others.
constexpr int kLgSlots = 8;
std::atomic<uint64_t> g_other_code[1 << kLgSlots];

int Decode(uintptr_t pc) {
  unsigned char code[kBareCodeBefore + kBareCodeBehind];
  size_t before = kBareCodeBefore;
  ssize_t got = RawReadOwnMemory(reinterpret_cast<const void*>(pc - before), code, sizeof(code));
  if (got <= static_cast<ssize_t>(before)) {
    // The first of its mapping.
    before = 0;
    got = RawReadOwnMemory(reinterpret_cast<const void*>(pc), code, kBareCodeBehind);
    if (got <= 0) return -1;
  }
  return WordsBelowCaller(code + before, before, static_cast<size_t>(got) - before);
}

}  // namespace

int WordsBelowCaller(uintptr_t pc) {
  const uint64_t key = CacheKey(pc, CacheGeneration());
  std::atomic<uint64_t>& slot = g_other_code[MixBits(pc) >> (64 - kLgSlots)];
  if (slot.load(std::memory_order_relaxed) == key) return -1;
  const int words = Decode(pc);
  if (words < 0) slot.store(key, std::memory_order_relaxed);
  return words;
}

}  // namespace heapprof::unwind
