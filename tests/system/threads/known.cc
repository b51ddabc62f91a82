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

struct Stops {
  int64_t longest = 0;  // ns that the thread stood still at a time though a processor was free for it
  double share = 1;     // of the time, that it did not wait for a processor
};

// How this thread ran while `run` is set.
Stops Watch(const std::atomic<bool>& run) {
  const int schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  CHECK(schedstat >= 0);
  const int64_t begin = Now(), first_delay = RunDelay(schedstat);
  int64_t longest = 0, last = begin, last_delay = first_delay;
  while (run.load(std::memory_order_relaxed)) {
    const int64_t delay = RunDelay(schedstat), now = Now();
    if (RunDelay(schedstat) != delay) continue;  // of which of the two the wait was is not known
    longest = std::max(longest, now - last - (delay - last_delay));
    last = now;
    last_delay = delay;
  }
  close(schedstat);
  Stops stops;
  stops.longest = longest;
  if (last > begin)
    stops.share -= static_cast<double>(last_delay - first_delay) / static_cast<double>(last - begin);
  return stops;
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

// N threads that wait, and one that runs and measures: prints the best of up to thirty dumps, and the longest
// stop of all of them. The machine does other things too: a dump's time counts by the share of a processor
// that the runner got meanwhile.
void Thousand(Words words) {
  CHECK(pipe2(g_pipe, 0) == 0);
  Workers workers;
  for (int i = 0; i < words.Number(0); ++i) workers.Start(ReadPipe);
  constexpr int64_t kEnough = 50'000'000;  // ns
  int64_t best = INT64_MAX, stop = 0;
  for (int round = 0; round < 5 || (best > kEnough && round < 30); ++round) {
    std::atomic<bool> run{true};
    Stops stops;
    std::thread runner([&] { stops = Watch(run); });
    const int64_t begin = Now();
    DumpAway();
    const int64_t time = Now() - begin;
    run.store(false);
    runner.join();
    best = std::min(best, static_cast<int64_t>(static_cast<double>(time) * stops.share));
    stop = std::max(stop, stops.longest);
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
