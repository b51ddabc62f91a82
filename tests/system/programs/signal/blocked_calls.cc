// SPDX-License-Identifier: Apache-2.0
// Blocking calls that can be restarted never return EINTR under the dump signal.   blocked_calls SIGNALS
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/system/programs/program.h"

namespace {

std::atomic<pid_t> g_tid{0};

// Waits until the thread is seen asleep: in its blocking call, then.
void AwaitAsleep() {
  pid_t tid;
  while ((tid = g_tid.load()) == 0) std::this_thread::yield();
  const std::string path = "/proc/self/task/" + std::to_string(tid) + "/stat";
  for (;;) {
    char line[200] = "";
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, line, sizeof line - 1) > 0);
    close(fd);
    const char* state = strrchr(line, ')');
    if (state != nullptr && state[2] == 'S') return;
    std::this_thread::yield();
  }
}

// Sends `signals` to a thread that is in `call`, then lets `release` end the call.
template <typename Call, typename Release>
void Pester(int signals, Call call, Release release) {
  g_tid = 0;
  std::thread blocked([&call] {
    g_tid = static_cast<pid_t>(syscall(SYS_gettid));
    call();
  });
  for (int i = 0; i < signals; ++i) {
    AwaitAsleep();
    CHECK(syscall(SYS_tgkill, getpid(), g_tid.load(), SIGUSR2) == 0);
  }
  AwaitAsleep();
  release();
  blocked.join();
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const int signals = HasLibrary() ? atoi(argv[1]) : 0;
  int ends[2];
  CHECK(pipe(ends) == 0);
  char byte = 'x';
  Pester(
      signals, [&] { CHECK(read(ends[0], &byte, 1) == 1); }, [&] { CHECK(write(ends[1], "y", 1) == 1); });
  CHECK(byte == 'y');

  // a pipe that is full to its last page: a write of one page cannot begin, so that none is cut short either
  static char page[4096];
  CHECK(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  int filled = 0;
  while (write(ends[1], page, sizeof page) == static_cast<ssize_t>(sizeof page)) ++filled;
  CHECK(errno == EAGAIN && filled > 0);
  CHECK(fcntl(ends[1], F_SETFL, 0) == 0);
  Pester(
      signals, [&] { CHECK(write(ends[1], page, sizeof page) == static_cast<ssize_t>(sizeof page)); },
      [&] { CHECK(read(ends[0], page, sizeof page) == static_cast<ssize_t>(sizeof page)); });

  int keep_alive[2];
  CHECK(pipe(keep_alive) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    close(keep_alive[1]);
    _exit(read(keep_alive[0], &byte, 1) == 0 ? 5 : 6);  // ends when the parent closes its end
  }
  int status = 0;
  Pester(
      signals, [&] { CHECK(waitpid(child, &status, 0) == child); }, [&] { close(keep_alive[1]); });
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
  Finish();
}
