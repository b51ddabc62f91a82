// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include <thread>
#include <vector>

#include "tests/system/threads/scenario.h"

namespace {

std::atomic<bool> g_run{true};

// Threads that start threads, which end at once.
void StartAndEnd() {
  while (g_run.load()) {
    pthread_t thread;
    auto nothing = [](void*) -> void* { return malloc(1); };
    if (pthread_create(&thread, nullptr, nothing, nullptr) != 0) continue;
    void* block = nullptr;
    CHECK(pthread_join(thread, &block) == 0);
    free(block);
  }
}

class Beside {
 public:
  explicit Beside(int threads, void (*body)()) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back(body);
  }
  ~Beside() {
    g_run.store(false);
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace

// N dumps beside births and deaths.
void Churn(Words words) {
  Beside churn(3, StartAndEnd);
  for (int i = 0; i < words.Number(0); ++i) DumpAway();
}

// N forks beside dumps, whose children have one thread.
void Forks(Words words) {
  Beside dumps(2, [] {
    while (g_run.load()) DumpAway();
  });
  for (int i = 0; i < words.Number(0); ++i) {
    const int child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      const std::string text = Paragraphs();
      CHECK(text.rfind("1 threads of process ", 0) == 0);
      CHECK(text.find("fork") != std::string::npos || text.find("main") != std::string::npos);
      _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
}

// N times a child with threads that dump becomes another program, which leaves nothing of the old one behind:
// the pipe that the child had ends with it.
void Execs(Words words) {
  for (int i = 0; i < words.Number(0); ++i) {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    const int child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      Beside dumps(2, [] {
        while (g_run.load()) DumpAway();
      });
      usleep(1000 + static_cast<useconds_t>(i) * 137 % 9000);
      execl("/bin/true", "true", static_cast<char*>(nullptr));
      _exit(96);
    }
    close(ends[1]);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    constexpr int kSecond = 1000;
    pollfd end = {ends[0], POLLIN, 0};
    CHECK(poll(&end, 1, kSecond) == 1 && end.revents == POLLHUP);
    close(ends[0]);
  }
}

// N times a library is loaded, used and unloaded beside dumps.
void Loads(Words words) {
  static const char* library = words.at[1];
  Beside loads(2, [] {
    while (g_run.load()) {
      void* handle = dlopen(library, RTLD_NOW);
      CHECK(handle != nullptr);
      CHECK(dlclose(handle) == 0);
    }
  });
  for (int i = 0; i < words.Number(0); ++i) DumpAway();
}
