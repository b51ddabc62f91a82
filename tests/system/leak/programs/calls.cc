// SPDX-License-Identifier: Apache-2.0
#include "tests/system/leak/programs/scenario.h"

namespace {

NOINLINE void Wipe() {
  char bytes[96 << 10];
  memset(bytes, 0, sizeof bytes);
  asm volatile("" : : "r"(bytes) : "memory");
}

NOINLINE void CallDeep(void (*function)()) {
  char bytes[48 << 10];
  memset(bytes, 0, sizeof bytes);
  asm volatile("" : : "r"(bytes) : "memory");
  function();
  asm volatile("" : : "r"(bytes) : "memory");
}

}  // namespace

void* Block(size_t size) {
  void* block = malloc(size);
  CHECK(block != nullptr);
  memset(block, 0, size);
  asm volatile("" : : "r"(block) : "memory");
  return block;
}

void CallAndWipe(void (*function)()) {
  CallDeep(function);
  Wipe();
  // What the program's last calls left in registers and vectors.
#if defined(__aarch64__)
  asm volatile("movi v0.2d, #0\n\tmovi v1.2d, #0\n\tmovi v2.2d, #0\n\tmovi v3.2d, #0"
               :
               :
               : "v0", "v1", "v2", "v3", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
                 "x28");
#else
  asm volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\tpxor %%xmm2, %%xmm2\n\tpxor %%xmm3, %%xmm3"
               :
               :
               : "xmm0", "xmm1", "xmm2", "xmm3", "rbx", "r12", "r13", "r14", "r15");
#endif
}
