// SPDX-License-Identifier: Apache-2.0
// Linked with the library: settings of jemalloc that the face itself acts upon. argv[1]: which.
#include <new>

#include "tests/system/programs/program.h"

extern "C" {
extern void (*malloc_message)(void* argument, const char* text);
void malloc_stats_print(void (*write)(void*, const char*), void* argument, const char* options);
int mallctl(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size);
}

namespace {

size_t g_told;
void Count(void*, const char* text) { g_told += strlen(text); }

void* volatile g_block;

void ReallocToNothing() {
  size_t before = 0, after = 0, size = sizeof(before);
  CHECK(mallctl("stats.zero_reallocs", &before, &size, nullptr, 0) == 0);
  int kept = 0;
  for (int i = 0; i < 100; ++i) {
    g_block = malloc(3000);
    void* block = realloc(g_block, 0);
    kept += block != nullptr;
    free(block);
  }
  CHECK(mallctl("stats.zero_reallocs", &after, &size, nullptr, 0) == 0);
  printf("kept %d counted %zu\n", kept, after - before);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  if (strcmp(argv[1], "message") == 0) {
    malloc_stats_print(nullptr, nullptr, "gmdablxe");  // to stderr
    malloc_message = Count;
    malloc_stats_print(nullptr, nullptr, nullptr);
    CHECK(g_told > 1000);
  } else if (strcmp(argv[1], "zero_realloc") == 0) {
    ReallocToNothing();
  } else if (strcmp(argv[1], "new") == 0) {
    g_block = ::operator new (size_t{PTRDIFF_MAX}, std::nothrow);
    CHECK(g_block == nullptr);
  } else {
    CHECK(!"known");
  }
  Finish();
}
