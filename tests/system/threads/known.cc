// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/system/threads/scenario.h"

namespace {

int g_pipe[2];
std::mutex g_mutex;
std::condition_variable g_condition;
std::atomic<bool> g_done{false};

void Name(const char* name) { CHECK(pthread_setname_np(pthread_self(), name) == 0); }

NOINLINE void ReadPipe() {
  char byte;
  CHECK(read(g_pipe[0], &byte, 1) == 0);
  asm volatile("");
}
NOINLINE void AwaitCondition() {
  std::unique_lock lock(g_mutex);
  g_condition.wait(lock, [] { return g_done.load(); });
  asm volatile("");
}
NOINLINE void Burn() {
  while (!g_done.load()) {
  }
}

class Workers {
 public:
  template <typename Body>
  int Start(Body body) {
    std::atomic<int> tid{0};
    threads_.emplace_back([&tid, body] {
      tid.store(OwnTid());
      body();
    });
    while (tid.load() == 0) sched_yield();
    return tid.load();
  }
  void Join() {
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::vector<std::thread> threads_;
};

NOINLINE void StartReaders(Workers* workers, std::vector<int>* tids) {
  for (int i = 0; i < 3; ++i) {
    tids->push_back(workers->Start([] {
      Name("reader");
      CHECK(heapprof_labels_set("request", "list") == 0);
      ReadPipe();
    }));
  }
}

// A dump wakes them for a moment.
void AwaitSleep(const std::vector<int>& tids) {
  for (int tid : tids) AwaitState(tid, 'S');
}

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

// How long this thread has waited for a processor, as the kernel counts it; a thread that is stopped does
// not.
int64_t RunDelay(int schedstat) {
  char text[128];
  const ssize_t got = pread(schedstat, text, sizeof text - 1, 0);
  CHECK(got > 0);
  text[got] = '\0';
  unsigned long long ran, waited;
  CHECK(sscanf(text, "%llu %llu", &ran, &waited) == 2);
  return static_cast<int64_t>(waited);
}

// The longest that this thread stood still at a time, while `run` is set, though a processor was free for it.
int64_t LongestStop(const std::atomic<bool>& run) {
  const int schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  CHECK(schedstat >= 0);
  int64_t longest = 0, last = Now(), last_delay = RunDelay(schedstat);
  while (run.load(std::memory_order_relaxed)) {
    const int64_t delay = RunDelay(schedstat), now = Now();
    if (RunDelay(schedstat) != delay) continue;  // of which of the two the wait was is not known
    longest = std::max(longest, now - last - (delay - last_delay));
    last = now;
    last_delay = delay;
  }
  close(schedstat);
  return longest;
}

}  // namespace

// Three readers with a label, one that waits for a condition, one that burns; files of debug 0, 1 and 2, and
// debug 2 once more after 0.2 s.
void Known(Words words) {
  CHECK(pipe2(g_pipe, 0) == 0);
  Workers workers;
  std::vector<int> tids;
  StartReaders(&workers, &tids);
  tids.push_back(workers.Start([] {
    Name("waiter \"x\"");
    AwaitCondition();
  }));
  workers.Start([] {
    Name("burner");
    Burn();
  });
  CHECK(heapprof_profile_count(heapprof_profile_lookup("goroutine")) == 6);
  for (int debug : {0, 1, 2}) {
    AwaitSleep(tids);
    WriteThreads(words.at[debug], debug);
  }
  AwaitSleep(tids);
  usleep(200'000);
  WriteThreads(words.at[3], 2);
  g_done.store(true);
  {
    std::lock_guard lock(g_mutex);
    g_condition.notify_all();
  }
  close(g_pipe[1]);
  workers.Join();
}

// N threads that wait, and one that runs and measures: prints the best of up to thirty dumps, as the machine
// does other things too, and the longest stop of all of them.
void Thousand(Words words) {
  CHECK(pipe2(g_pipe, 0) == 0);
  Workers workers;
  for (int i = 0; i < words.Number(0); ++i) workers.Start(ReadPipe);
  constexpr int64_t kEnough = 50'000'000;  // ns
  int64_t best = INT64_MAX, stop = 0;
  for (int round = 0; round < 5 || (best > kEnough && round < 30); ++round) {
    std::atomic<bool> run{true};
    std::atomic<int64_t> longest{0};
    std::thread runner([&] { longest.store(LongestStop(run)); });
    const int64_t begin = Now();
    DumpAway();
    best = std::min(best, Now() - begin);
    run.store(false);
    runner.join();
    stop = std::max(stop, longest.load());
  }
  printf("dump %ld us, stop %ld us\n", static_cast<long>(best / 1000), static_cast<long>(stop / 1000));
  close(g_pipe[1]);
  workers.Join();
}

// Three readers, until standard input ends.
void Serve(Words) {
  CHECK(pipe2(g_pipe, 0) == 0);
  Workers workers;
  std::vector<int> tids;
  StartReaders(&workers, &tids);
  // Asleep they are before, too, where they wait for this thread.
  for (int tid : tids) AwaitCall(tid, SYS_read);
  puts("ready");
  fflush(stdout);
  char byte;
  while (read(0, &byte, 1) < 0) {
  }
  close(g_pipe[1]);
  workers.Join();
}
