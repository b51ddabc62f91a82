// SPDX-License-Identifier: Apache-2.0
// Threads that wait for each other, a child, a block that is lost: something for each profile.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mutex>
#include <thread>
#include <vector>

namespace {

std::mutex g_mutex;

__attribute__((noinline)) void Work() {
  std::vector<void*> blocks;
  const std::lock_guard<std::mutex> lock(g_mutex);
  timespec used = {};
  constexpr long kNanos = 2'000'000;
  while (used.tv_sec == 0 && used.tv_nsec < kNanos) {
    blocks.push_back(malloc(blocks.size() % 100 + 1));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  }
  for (void* block : blocks) free(block);
}

__attribute__((noinline)) void Lose() {
  void* volatile lost = malloc(1234);
  lost = nullptr;
  (void)lost;
}

}  // namespace

int main() {
  Lose();
  std::thread(Work).join();
  std::thread other(Work);
  std::thread(Work).join();
  other.join();
  const pid_t child = fork();
  if (child == 0) {
    free(malloc(100));
    return 0;
  }
  int status = 1;
  if (child < 0 || waitpid(child, &status, 0) != child) return 1;
  puts("OK");
  return status;
}
