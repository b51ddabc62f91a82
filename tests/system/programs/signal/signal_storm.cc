// SPDX-License-Identifier: Apache-2.0
// Many dump signals while eight threads allocate. "process": one after the other, to the process, each waited
// for; "burst": every thread raises them as fast as it can.   signal_storm process|burst SIGNALS
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/programs/churn.h"

namespace {

std::atomic<bool> g_stop{false};

uint64_t Dumps() { return Stats().dumps; }

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  const std::string way = argv[1];
  const int signals = HasLibrary() ? atoi(argv[2]) : 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      Churn churn(static_cast<uint64_t>(i));
      if (way == "burst") {
        for (int n = 0; n < signals / 8; ++n) {
          CHECK(raise(SIGUSR2) == 0);
          churn.Steps(1);
        }
      } else {
        while (!g_stop.load()) churn.Steps(100);
      }
    });
  }
  if (way == "process") {
    sigset_t blocked;  // so that a thread which allocates takes it
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    CHECK(pthread_sigmask(SIG_BLOCK, &blocked, nullptr) == 0);
    for (int n = 0; n < signals; ++n) {
      const uint64_t before = Dumps();
      CHECK(kill(getpid(), SIGUSR2) == 0);
      while (Dumps() == before) std::this_thread::yield();
    }
    CHECK(pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr) == 0);
    g_stop = true;
  }
  for (std::thread& thread : threads) thread.join();
  // nothing is left over: one more signal, one more dump
  const uint64_t before = Dumps();
  DumpBySignal();
  CHECK(!HasLibrary() || Dumps() == before + 1);
  CHECK(Stats().failed_dumps == 0);
  printf("dumps %llu\n", static_cast<unsigned long long>(Dumps()));
  Finish();
}
