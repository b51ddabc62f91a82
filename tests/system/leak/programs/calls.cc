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
  asm volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\tpxor %%xmm2, %%xmm2\n\tpxor %%xmm3, %%xmm3"
               :
               :
               : "xmm0", "xmm1", "xmm2", "xmm3", "rbx", "r12", "r13", "r14", "r15");
}
