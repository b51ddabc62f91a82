// SPDX-License-Identifier: Apache-2.0
// Heaps that dumps are to be made of by themselves.
//   dumps allocated   ten blocks of a MiB, one after another
//   dumps growth      five blocks of a MiB, twice
//   dumps every       blocks until three dumps are there
//   dumps twice       64 MiB more of resident memory, twice, and nothing in between
//   dumps killed      a block of 64 MiB, at whose first touch the program is killed
//   dumps limited     small blocks until RLIMIT_AS lets it have no more: the program is killed
//   dumps refused     a block that is larger than RLIMIT_AS: the program is killed
//   dumps resized     a block that becomes larger where it is: the program is killed
//   dumps child       a child that allocates two blocks of a MiB
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <string>
#include <vector>

#include "tests/system/programs/program.h"

namespace {

constexpr size_t kMiB = 1 << 20;
volatile char g_last;

void* Allocate(size_t size) {
  errno = 77;
  auto* block = static_cast<char*>(malloc(size));
  CHECK(block != nullptr && errno == 77);
  block[0] = 1;
  g_last = block[0];
  return block;
}

// As if by the kernel: there is no time for anything.
void BeKilled() { kill(getpid(), SIGKILL); }

void LimitAddressSpace(size_t more) {
  size_t pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  CHECK(file != nullptr && fscanf(file, "%zu", &pages) == 1);
  fclose(file);
  const rlimit limit = {pages * 4096 + more, RLIM_INFINITY};
  CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

// More resident memory by `size`, in blocks that are large enough to be given back to the kernel at once.
void Rise(size_t size) {
  constexpr size_t kBlock = 8 * kMiB;
  std::vector<void*> blocks;
  for (size_t i = 0; i < size / kBlock; ++i) {
    blocks.push_back(Allocate(kBlock));
    memset(blocks.back(), 1, kBlock);
  }
  for (void* block : blocks) free(block);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const std::string what = argv[1];
  if (what == "allocated") {
    for (int i = 0; i < 10; ++i) free(Allocate(kMiB));
  } else if (what == "growth") {
    void* blocks[5];
    for (int round = 0; round < 2; ++round) {
      for (void*& block : blocks) block = Allocate(kMiB);
      for (void* block : blocks) free(block);
    }
  } else if (what == "twice") {
    for (int round = 0; round < 2; ++round) {
      Rise(64 * kMiB);
      // What was given back is seen at the next blocks.
      for (int i = 0; i < 8; ++i) free(Allocate(kMiB));
    }
  } else if (what == "killed") {
    Allocate(64 * kMiB);
    BeKilled();
  } else if (what == "limited") {
    LimitAddressSpace(256 * kMiB);
    while (void* block = malloc(100 << 10)) memset(block, 1, 100 << 10);
    BeKilled();
  } else if (what == "refused") {
    LimitAddressSpace(64 * kMiB);
    CHECK(malloc(128 * kMiB) == nullptr && errno == ENOMEM);
    BeKilled();
  } else if (what == "resized") {
    void* resident = Allocate(28 * kMiB);
    void* block = Allocate(40 * kMiB);
    CHECK(realloc(block, 20 * kMiB) == block);
    memset(resident, 1, 28 * kMiB);
    CHECK(realloc(block, 40 * kMiB) == block);
    BeKilled();
  } else if (what == "every") {
    while (HasLibrary() && Stats().dumps < 3) free(Allocate(100));
  } else {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      for (int i = 0; i < 2; ++i) free(Allocate(kMiB));
      _exit(0);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
  Finish();
  return 0;
}
