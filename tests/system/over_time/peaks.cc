// SPDX-License-Identifier: Apache-2.0
// Heaps with a peak that is known; peak_test has the same numbers.
//   peaks FOLDER           profiles at moments, in the process and in a child of it
//   peaks FOLDER stacks    the same heap from more stacks than a small metadata_limit has room for
//   peaks FOLDER threads   a peak that two threads have part in
//   peaks FOLDER sawtooth  1,000 peaks, each higher than the last; FOLDER "-" writes none
#include <fcntl.h>
#include <sys/wait.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/system/programs/program.h"

extern "C" __typeof__(heapprof_reset_peak) heapprof_reset_peak __attribute__((weak));

namespace {

std::string g_folder;

void Write(const char* name, int debug = 0) {
  if (!HasLibrary() || g_folder == "-") return;
  const int fd = open((g_folder + "/" + name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  CHECK(fd >= 0);
  CHECK(heapprof_write_profile("peak", fd, debug) == 0);
  CHECK(close(fd) == 0);
}

using Blocks = std::vector<void*>;

void Free(Blocks* blocks) {
  for (void* block : *blocks) free(block);
  blocks->clear();
}

}  // namespace

// Room for the addresses is there already: nothing else is allocated.
#define PEAKED(name)                                                    \
  extern "C" NOINLINE void name(Blocks* into, int count, size_t size) { \
    for (int i = 0; i < count; ++i) into->push_back(malloc(size));      \
  }
PEAKED(peak_a)
PEAKED(peak_b)
PEAKED(peak_c)
PEAKED(peak_d)

namespace {

void InProcessAndChild() {
  Blocks a, b, c, d;
  for (Blocks* blocks : {&a, &b, &c, &d}) blocks->reserve(1000);
  peak_a(&a, 100, 1000);
  peak_b(&b, 50, 2000);
  Write("rising");
  Free(&b);
  peak_c(&c, 20, 2000);
  Write("fallen");
  Write("fallen.txt", 1);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    peak_d(&d, 300, 1000);
    Free(&a);
    Write("child");
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  if (HasLibrary()) CHECK(heapprof_reset_peak() == 0);
  Free(&a);
  Write("reset");
}

// A stack for each depth.
NOINLINE void Deep(Blocks* into, int depth, size_t size) {
  if (depth == 0) return peak_a(into, 1, size);
  Deep(into, depth - 1, size);
  asm volatile("");
}

void ManyStacks() {
  Blocks all;
  all.reserve(100000);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 2000; ++i) Deep(&all, i % 100, static_cast<size_t>(1000 + i));
  }
  Free(&all);
  Write("stacks");
}

void Threads() {
  Blocks one, two;
  one.reserve(1000);
  two.reserve(1000);
  std::thread([&] { peak_a(&one, 500, 1000); }).join();
  std::thread([&] { peak_b(&two, 300, 1000); }).join();
  std::thread([&] { Free(&one); }).join();
  Write("threads");
}

void Sawtooth() {
  Blocks all;
  all.reserve(200000);
  for (size_t peak = 1; peak <= 1000; ++peak) {
    for (int i = 0; i < 100; ++i) all.push_back(malloc(64 << 10));
    all.push_back(malloc(4 << 10));
    while (all.size() > peak) {
      free(all.back());
      all.pop_back();
    }
  }
  Write("sawtooth");
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc >= 2);
  g_folder = argv[1];
  const std::string what = argc > 2 ? argv[2] : "";
  if (what == "stacks") {
    ManyStacks();
  } else if (what == "threads") {
    Threads();
  } else if (what == "sawtooth") {
    Sawtooth();
  } else {
    InProcessAndChild();
  }
  Finish();
  return 0;
}
