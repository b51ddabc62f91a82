// SPDX-License-Identifier: Apache-2.0
// Starts a program in every way there is, each of which prints what of its environment names the library, and
// is one of them in the end.
//   children namespace   as the first process of a PID namespace: starts one that is the first of another
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>

#include "tests/system/programs/program.h"

extern char** environ;

namespace {

char g_shell[] = "/bin/sh", g_name[] = "sh", g_option[] = "-c";
char g_script[] = "echo \"[$LD_PRELOAD|$HEAPPROF_OPTIONS|$KEPT]\"";
char* g_words[] = {g_name, g_option, g_script, nullptr};

void WaitFor(pid_t child) {
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

template <typename Exec>
void Forked(Exec exec) {
  const pid_t child = fork();
  if (child == 0) {
    exec();
    _exit(1);
  }
  WaitFor(child);
}

int InNamespace() {
  if (getpid() != 1 || unshare(CLONE_NEWPID) != 0) {
    puts("refused");
    return 0;
  }
  Forked([] {
    if (getpid() == 1) execl("/bin/true", "true", nullptr);
  });
  puts("OK");
  return 0;
}

}  // namespace

int main(int argc, char** argv, char** environment) {
  if (argc > 1 && strcmp(argv[1], "namespace") == 0) return InNamespace();
  CHECK(getenv("LD_PRELOAD") == nullptr || strstr(getenv("LD_PRELOAD"), "heapprof") == nullptr);
  for (char** entry = environment; *entry != nullptr; ++entry) CHECK(strstr(*entry, "HEAPPROF_") == nullptr);
  Forked([] { execv(g_shell, g_words); });
  Forked([] { execvp(g_name, g_words); });
  Forked([] { execve(g_shell, g_words, environ); });
  Forked([] { execl(g_shell, g_name, g_option, g_script, nullptr); });
  Forked([] { fexecve(open(g_shell, O_RDONLY), g_words, environ); });
  pid_t child = vfork();
  if (child == 0) {
    execv(g_shell, g_words);
    _exit(1);
  }
  WaitFor(child);
  CHECK(posix_spawn(&child, g_shell, nullptr, nullptr, g_words, environ) == 0);
  WaitFor(child);
  CHECK(posix_spawnp(&child, g_name, nullptr, nullptr, g_words, environ) == 0);
  WaitFor(child);
  CHECK(system(g_script) == 0);
  FILE* pipe = popen(g_script, "r");
  CHECK(pipe != nullptr);
  for (int c; (c = fgetc(pipe)) != EOF;) putchar(c);
  CHECK(pclose(pipe) == 0);
  fflush(stdout);
  // What the program itself sets is its own.
  CHECK(setenv("KEPT", "1", 1) == 0);
  CHECK(system(g_script) == 0);
  puts("OK");
  fflush(stdout);
  execl("/bin/true", "true", nullptr);
  CHECK(false);
}
