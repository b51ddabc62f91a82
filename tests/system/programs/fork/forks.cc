// SPDX-License-Identifier: Apache-2.0
// Children of every kind.
//   forks many N     N children of fork beside threads that allocate, up to 16 at a time; each allocates,
//   every 1000th
//                    dumps
//   forks seeds      64 children, each of which allocates until it is sampled; prints how many did so at
//   different points forks others     a child each of daemon, of _Fork and of the bare system call: allocates
//   and dumps
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/programs/churn.h"

namespace {

void ReapOne() {
  int status = 0;
  CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void Many(int count) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&stop, i] {
      Churn churn(static_cast<uint64_t>(i));
      while (!stop.load()) churn.Steps(100);
    });
  }
  Churn held(77);  // whose blocks each child has, and frees
  held.Steps(500);
  int running = 0;
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      held.Steps(50);
      Churn(static_cast<uint64_t>(i)).Steps(50);
      if (i % 1000 == 0 && HasLibrary()) {
        // not under the pid: of 100,000 children some have the same
        CHECK(heapprof_dump_heap(("h.child." + std::to_string(i) + ".heap.pb.gz").c_str()) == 0);
      }
      _exit(0);
    }
    if (++running == 16) {
      ReapOne();
      --running;
    }
  }
  while (running-- > 0) ReapOne();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  Dump();
}

// The number of blocks up to the first sample.
NOINLINE uint32_t BlocksToASample() {
  const uint64_t before = Stats().samples;
  for (uint32_t i = 1; HasLibrary(); ++i) {
    free(malloc(16));
    if (Stats().samples != before) return i;
  }
  return static_cast<uint32_t>(getpid());
}

void Seeds() {
  free(malloc(1000000));  // a thread that has begun to count down
  std::set<uint32_t> different;
  for (int i = 0; i < 64; ++i) {
    int ends[2];
    CHECK(pipe(ends) == 0);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      const uint32_t blocks = BlocksToASample();
      CHECK(write(ends[1], &blocks, sizeof blocks) == sizeof blocks);
      _exit(0);
    }
    uint32_t blocks = 0;
    CHECK(read(ends[0], &blocks, sizeof blocks) == sizeof blocks);
    different.insert(blocks);
    ReapOne();
    close(ends[0]);
    close(ends[1]);
  }
  printf("different %zu\n", different.size());
}

NOINLINE void alloc_in_child() { free(malloc(123456)); }

void InChild(const char* kind) {
  Churn(9).Steps(500);
  alloc_in_child();
  Dump();
  DumpBySignal();
  std::string line = std::string(kind) + " " + std::to_string(getpid()) + "\n";
  CHECK(write(1, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  _exit(0);
}

void Others() {
  alloc_in_child();
  int ends[2];
  CHECK(pipe(ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    CHECK(daemon(1, 1) == 0);
    InChild("daemon");
  }
  close(ends[1]);
  char end;
  CHECK(read(ends[0], &end, 1) == 0);  // until the daemon, which is nobody's child, has ended
  ReapOne();
  child = _Fork();
  CHECK(child >= 0);
  if (child == 0) InChild("_Fork");
  ReapOne();
  child = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  CHECK(child >= 0);
  if (child == 0) InChild("clone");
  ReapOne();
  Dump();
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc >= 2);
  const std::string mode = argv[1];
  if (mode == "many") Many(atoi(argv[2]));
  if (mode == "seeds") Seeds();
  if (mode == "others") Others();
  Finish();
}
