// SPDX-License-Identifier: Apache-2.0
// A child for each function of the exec family, beside a thread that allocates; the parent's blocks are none
// of theirs.
#include <fcntl.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "tests/system/programs/churn.h"

extern char** environ;

namespace {

char g_shell[] = "/bin/sh", g_name[] = "sh", g_option[] = "-c", g_script[] = "exit 7";
char* g_words[] = {g_name, g_option, g_script, nullptr};
char* g_nothing[] = {nullptr};

using Exec = int (*)();
const Exec kAll[] = {
    [] { return execve(g_shell, g_words, g_nothing); },
    [] { return execv(g_shell, g_words); },
    [] { return execvp(g_name, g_words); },
    [] { return execvpe(g_name, g_words, g_nothing); },
    [] { return execl(g_shell, g_name, g_option, g_script, nullptr); },
    [] { return execlp(g_name, g_name, g_option, g_script, nullptr); },
    [] { return execle(g_shell, g_name, g_option, g_script, nullptr, g_nothing); },
    [] { return fexecve(open(g_shell, O_RDONLY), g_words, environ); },
    [] { return execveat(AT_FDCWD, g_shell, g_words, environ, 0); },
};

}  // namespace

int main() {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    Churn churn(3);
    while (!stop.load()) churn.Steps(100);
  });
  for (Exec exec : kAll) {
    CHECK(execve("/nowhere", g_words, g_nothing) == -1 && errno == ENOENT);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      free(malloc(100));
      exec();
      _exit(1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
  }
  CHECK(system("exit 3") == 3 << 8);
  stop = true;
  busy.join();
  Dump();
  Finish();
}
