// SPDX-License-Identifier: Apache-2.0
// Ends in the way that the argument names, while static objects, thread objects and exit handlers allocate
// and free, and other threads keep allocating.   exit_order return|exit|quick_exit|_exit|abort|thread_exit
#include <atomic>
#include <string>
#include <thread>

#include "tests/system/programs/churn.h"

namespace {

struct Allocating {
  explicit Allocating(size_t size) : text(new std::string(size, 'a')) {}
  ~Allocating() {
    Churn(text->size()).Steps(200);
    delete text;
    leaked = new std::string(100, 'l');
  }
  std::string* text;
  std::string* leaked = nullptr;
};

Allocating g_static(3000);
thread_local Allocating t_local(2000);

void AtExit() { Churn(1).Steps(200); }

[[noreturn]] void End(const std::string& how) {
  if (how == "exit" || how == "thread_exit") exit(7);
  if (how == "quick_exit") quick_exit(7);
  if (how == "_exit") _exit(7);
  abort();
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const std::string how = argv[1];
  CHECK(t_local.text->size() == 2000);
  CHECK(atexit(AtExit) == 0 && at_quick_exit(AtExit) == 0);
  static std::atomic<int> started{0};
  for (int i = 0; i < 3; ++i) {
    std::thread([i] {
      Churn churn(static_cast<uint64_t>(i));
      CHECK(t_local.text->size() == 2000);
      ++started;
      for (;;) churn.Steps(100);
    }).detach();
  }
  while (started.load() < 3) std::this_thread::yield();
  Finish();
  if (how == "return") return 7;
  if (how == "thread_exit") {
    std::thread([&how] { End(how); }).join();
  }
  End(how);
}
