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
//   dumps lower       a child of a process whose peak was high, and a peak that is looked for anew: each
//                     allocates three blocks of a MiB
//   dumps probing     blocks that are larger than RLIMIT_AS, fifty times
//   dumps beside N    four threads that allocate, N KiB each in all, while another changes options and forks
//   dumps live        options are set as it runs: a dump for each MiB, none, and one file only
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/programs/program.h"

extern "C" {
__typeof__(heapprof_set_option) heapprof_set_option __attribute__((weak));
__typeof__(heapprof_option) heapprof_option __attribute__((weak));
__typeof__(heapprof_reset_peak) heapprof_reset_peak __attribute__((weak));
}

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

void SetOption(const char* name, const char* value) {
  if (HasLibrary()) CHECK(heapprof_set_option(name, value) == 0);
}
uint64_t DumpsOf(int blocks) {
  const uint64_t before = Stats().dumps;
  for (int i = 0; i < blocks; ++i) free(Allocate(kMiB));
  return Stats().dumps - before;
}

void AllocateAndKeep(int blocks) {
  static void* kept[8];
  for (int i = 0; i < blocks; ++i) kept[i] = Allocate(kMiB);
  for (int i = 0; i < blocks; ++i) free(kept[i]);
}

template <typename Function>
void InChild(Function function) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    function();
    _exit(0);
  }
  int status = 1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

void Beside(int blocks) {
  std::vector<std::thread> threads;
  std::atomic<int> running{4};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([blocks, &running] {
      void* kept[16] = {};
      for (int n = 0; n < blocks; ++n) {
        void*& block = kept[n % 16];
        free(block);
        block = malloc(1 << 10);
      }
      for (void* block : kept) free(block);
      --running;
    });
  }
  do {
    for (const char* size : {"256k", "0", "128k"}) {
      SetOption("dump_every_allocated", size);
      SetOption("dump_on_growth", size);
      SetOption("dump_at_memory", size);
      SetOption("dump_every", size[0] == '0' ? "0" : "1ms");
      SetOption("keep_dumps", size[0] == '0' ? "4" : "2");
      char value[16];
      if (HasLibrary()) CHECK(heapprof_option("keep_dumps", value, sizeof value) == 0);
    }
    InChild([] {
      SetOption("dump_every_allocated", "1m");
      SetOption("keep_dumps", "1");
      if (HasLibrary()) CHECK(DumpsOf(2) == 2);
    });
  } while (running != 0);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc >= 2);
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
  } else if (what == "lower") {
    AllocateAndKeep(5);
    InChild([] { AllocateAndKeep(3); });
    if (HasLibrary()) CHECK(heapprof_reset_peak() == 0);
    AllocateAndKeep(3);
  } else if (what == "probing") {
    LimitAddressSpace(64 * kMiB);
    for (int i = 0; i < 50; ++i) {
      CHECK(malloc(128 * kMiB) == nullptr);
      free(Allocate(kMiB));
    }
  } else if (what == "beside") {
    CHECK(argc == 3);
    Beside(atoi(argv[2]));
  } else if (what == "live") {
    SetOption("dump_every_allocated", "1m");
    if (HasLibrary()) CHECK(DumpsOf(3) == 3);
    SetOption("dump_every_allocated", "0");
    CHECK(DumpsOf(3) == 0);
    SetOption("keep_dumps", "1");
    SetOption("dump_at_memory", "1m");
    if (HasLibrary()) CHECK(DumpsOf(3) == 1);
    SetOption("dump_at_memory", "0");
    SetOption("dump_every", "1ms");
    const uint64_t before = Stats().dumps;
    while (HasLibrary() && Stats().dumps < before + 2) free(Allocate(100));
  } else if (what == "every") {
    while (HasLibrary() && Stats().dumps < 3) free(Allocate(100));
  } else {
    InChild([] { DumpsOf(2); });
  }
  Finish();
  return 0;
}
