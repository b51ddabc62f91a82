#include <stdio.h>

#include "tests/system/leak/programs/scenario.h"

namespace {

struct List {
  const Scenario* first;
  size_t count;
};
List g_lists[16];
size_t g_count;

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

Register::Register(const Scenario* first, size_t count) { g_lists[g_count++] = {first, count}; }

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

int main(int argc, char** argv) {
  bool list = argc < 2;
  for (size_t i = 0; i < g_count; ++i) {
    for (size_t k = 0; k < g_lists[i].count; ++k) {
      const Scenario& scenario = g_lists[i].first[k];
      if (list) {
        puts(scenario.name);
      } else if (strcmp(argv[1], scenario.name) == 0) {
        scenario.run();
        return 0;
      }
    }
  }
  if (!list) fprintf(stderr, "no scenario %s\n", argv[1]);
  return list ? 0 : 2;
}
