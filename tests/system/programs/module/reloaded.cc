// SPDX-License-Identifier: Apache-2.0
// A library that is loaded, allocates and is unloaded again and again, each time at another address: it must
// not cost anything more from some time on.   reloaded PLUGIN
#include <dlfcn.h>
#include <sys/mman.h>

#include "tests/system/programs/program.h"

namespace {

void* (*g_alloc)(size_t);

// Ten stacks.
template <int kDepth>
NOINLINE void AllocateFrom() {
  free(g_alloc(300 + kDepth));
  if constexpr (kDepth > 0) AllocateFrom<kDepth - 1>();
  __asm__ volatile("");
}

void Round(const char* plugin, int round) {
  // The loader takes the highest free place: pages of the program's move it.
  void* pages =
      mmap(nullptr, static_cast<size_t>(round % 7 + 1) << 16, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  void* handle = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
  CHECK(handle != nullptr);
  g_alloc = reinterpret_cast<void* (*)(size_t)>(dlsym(handle, "plugin_alloc"));
  CHECK(g_alloc != nullptr);
  AllocateFrom<9>();
  CHECK(dlclose(handle) == 0);
  CHECK(munmap(pages, static_cast<size_t>(round % 7 + 1) << 16) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  constexpr int kRounds = 100, kSettled = 3;
  struct heapprof_stats settled = {}, end = {};
  for (int round = 0; round < kRounds; ++round) {
    Round(argv[1], round);
    if (round == kSettled) settled = Stats();
  }
  end = Stats();
  if (!HasLibrary() || heapprof_sample_interval() == 1) {  // else chance says when a stack is met first
    CHECK(end.buckets == settled.buckets);
    CHECK(end.stacks == settled.stacks);
    CHECK(end.metadata_bytes == settled.metadata_bytes);
  }
  Finish();
}
