// SPDX-License-Identifier: Apache-2.0
// More distinct stacks than metadata_limit has room for: 2^DEPTH stacks, each with sizes of its own. Dumps to
// the files of two arguments before and after.   many_stacks DEPTH BEFORE AFTER
#include "tests/system/programs/program.h"

namespace {

constexpr int kSizes = 4;
uint64_t g_blocks, g_bytes;

NOINLINE void Left(int depth, unsigned path);
NOINLINE void Right(int depth, unsigned path);

void Next(int depth, unsigned path, size_t shift) {
  if (depth == 0) {
    for (size_t i = 0; i < kSizes; ++i) {
      const size_t size = 16 + 32 * i + shift;
      void* block = malloc(size);
      ++g_blocks;
      g_bytes += size;
      if (i % 2 == 0) free(block);
    }
  } else if ((path & 1) != 0) {
    Left(depth - 1, path >> 1);
  } else {
    Right(depth - 1, path >> 1);
  }
}
void Left(int depth, unsigned path) { Next(depth, path, 1); }
void Right(int depth, unsigned path) { Next(depth, path, 2); }

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 4);
  const int depth = atoi(argv[1]);
  if (HasLibrary()) CHECK(heapprof_dump_heap(argv[2]) == 0);
  for (unsigned path = 0; path < 1u << depth; ++path) Next(depth, path, 0);
  if (HasLibrary()) CHECK(heapprof_dump_heap(argv[3]) == 0);
  const auto stats = Stats();
  printf("blocks %llu bytes %llu metadata %llu lost %llu\n", static_cast<unsigned long long>(g_blocks),
         static_cast<unsigned long long>(g_bytes), static_cast<unsigned long long>(stats.metadata_bytes),
         static_cast<unsigned long long>(stats.lost_samples));
  Finish();
}
