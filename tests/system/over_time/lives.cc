// SPDX-License-Identifier: Apache-2.0
// Blocks whose lifetimes are known; lifetimes_test has the same numbers.
//   lives FOLDER             profiles of the process, from a handler, and of a child
//   lives FOLDER stacks      more stacks than a small metadata_limit has room for
//   lives FOLDER module M    blocks of the library M, which is unloaded
//   lives FOLDER threads     four threads at work while profiles are written
// A lifetime that the machine draws out is measured: "held SHORTEST LONGEST", in ns.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/programs/program.h"

namespace {

std::string g_folder;

void Write(const char* name, int debug = 0) {
  if (!HasLibrary()) return;
  const int fd = open((g_folder + "/" + name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  CHECK(fd >= 0);
  CHECK(heapprof_write_profile("lifetimes", fd, debug) == 0);
  CHECK(close(fd) == 0);
}

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t g_shortest, g_longest;  // of live_held's

constexpr int kBlocks = 100;
using Blocks = void* [kBlocks];

void Free(Blocks blocks, int count) {
  for (int i = 0; i < count; ++i) free(blocks[i]);
}

}  // namespace

extern "C" NOINLINE void live_temporary() {
  for (int i = 0; i < 100; ++i) {
    void* volatile block = malloc(1000);
    free(block);
  }
}

// The first is freed after the second was allocated, the second is temporary.
extern "C" NOINLINE void live_overlapping() {
  for (int i = 0; i < 50; ++i) {
    void* volatile first = malloc(1000);
    void* volatile second = malloc(2000);
    free(first);
    free(second);
  }
}

// The last one is temporary.
extern "C" NOINLINE void live_held() {
  constexpr int64_t kLong = 12'000'000;
  Blocks blocks;
  const int64_t first = Now();
  for (int i = 0; i < 20; ++i) blocks[i] = malloc(1000);
  const int64_t last = Now();
  while (Now() < last + kLong) {
  }
  const int64_t first_freed = Now();
  Free(blocks, 20);
  g_shortest = first_freed - last;
  g_longest = Now() - first;
}

extern "C" NOINLINE void live_forever(Blocks blocks) {
  for (int i = 0; i < 30; ++i) blocks[i] = malloc(1000);
}

extern "C" NOINLINE void live_handed_over() {
  void* volatile block = malloc(1000);
  std::thread([&] { free(block); }).join();
}

// A block that is moved, or stays, has ended all the same.
extern "C" NOINLINE void live_resized() {
  void* volatile block = malloc(1000);
  block = realloc(block, 5000);
  block = realloc(block, 50000);
  free(block);
}

extern "C" NOINLINE void live_in_threads() {
  for (int i = 0; i < 20000; ++i) {
    void* volatile block = malloc(1000);
    free(block);
  }
}

namespace {

void All() {
  static Blocks forever;
  live_temporary();
  live_overlapping();
  live_held();
  live_forever(forever);
  live_handed_over();
  live_resized();
  printf("held %" PRId64 " %" PRId64 "\n", g_shortest, g_longest);
  Write("now");
  Write("now.txt", 1);
  CHECK(signal(SIGUSR1, [](int) {
          Write("handler");
          Write("handler.txt", 1);
        }) != SIG_ERR);
  CHECK(raise(SIGUSR1) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    Write("born");
    Free(forever, 10);
    live_temporary();
    Write("child");
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  Write("parent");
}

NOINLINE void Deep(std::vector<void*>* into, int depth, size_t size) {
  if (depth == 0) return into->push_back(malloc(size));
  Deep(into, depth - 1, size);
  asm volatile("");
}

void ManyStacks() {
  std::vector<void*> all;
  all.reserve(40000);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 2000; ++i) Deep(&all, i % 100, static_cast<size_t>(1000 + i));
  }
  for (void* block : all) free(block);
  Write("stacks");
}

void Threads() {
  std::vector<std::thread> threads;
  std::atomic<int> at_work{4};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      live_in_threads();
      --at_work;
    });
  }
  do {
    Write("meanwhile");
  } while (at_work != 0);
  for (std::thread& thread : threads) thread.join();
  Write("threads");
}

void OfModule(const char* path) {
  void* const handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  CHECK(handle != nullptr);
  auto* const allocate = reinterpret_cast<void* (*)(size_t)>(dlsym(handle, "plugin_alloc"));
  CHECK(allocate != nullptr);
  for (int i = 0; i < 10; ++i) free(allocate(1000));
  static void* volatile kept = allocate(1000);
  CHECK(kept != nullptr && dlclose(handle) == 0);
  Write("module");
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
  } else if (what == "module") {
    OfModule(argv[3]);
  } else {
    All();
  }
  Finish();
}
