// SPDX-License-Identifier: Apache-2.0
// Heaps that dumps are to be made of by themselves.
//   dumps allocated   ten blocks of a MiB, one after another
//   dumps growth      five blocks of a MiB, twice
//   dumps every       blocks until three dumps are there
//   dumps child       a child that allocates two blocks of a MiB
#include <errno.h>
#include <sys/wait.h>

#include <string>

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
