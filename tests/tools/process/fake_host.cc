// A program that looks to `heapprof dump` as one under the library, and behaves as the test asks.
//
//   fake_host MODE LIBRARY BEFORE AFTER
// maps the file LIBRARY, and on SIGUSR2 makes the file BEFORE<pid>AFTER, by rename. "ready" on standard
// output says that the signal may come. MODE: good, uncaught (SIGUSR2 has its default action), silent (makes
// no file), blocked (blocks the signal), ends (exits on the signal), title (writes over the environment that
// it was started with, as programs do that show another title), pieces (makes other files first, and this one
// in place, not by rename, before the rename).
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern char** environ;

namespace {

char g_name[4096], g_temporary[4200], g_other[4200];
bool g_pieces = false;

void Touch(const char* path) {
  const int fd = open(path, O_WRONLY | O_CREAT, 0600);
  if (fd < 0 || write(fd, "profile", 7) != 7) _exit(3);
  close(fd);
}

void WriteIt(int) {
  if (g_pieces) {
    Touch(g_temporary);
    rename(g_temporary, g_other);
  }
  Touch(g_temporary);
  rename(g_temporary, g_name);
}
void DoNothing(int) {}
void End(int) { _exit(0); }

// Moves the environment to the heap and clears the place where it was.
void WriteOverEnvironment() {
  int count = 0;
  while (environ[count] != nullptr) ++count;
  char** copy = static_cast<char**>(calloc(static_cast<size_t>(count) + 1, sizeof(char*)));
  for (int i = 0; i < count; ++i) copy[i] = strdup(environ[i]);
  for (int i = 0; i < count; ++i) memset(environ[i], 0, strlen(environ[i]));
  environ = copy;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const char* mode = argv[1];
  const int library = open(argv[2], O_RDONLY);
  if (library >= 0 && mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, library, 0) == MAP_FAILED) return 2;
  snprintf(g_name, sizeof g_name, "%s%d%s", argv[3], static_cast<int>(getpid()), argv[4]);
  snprintf(g_temporary, sizeof g_temporary, "%s.tmp", g_name);
  snprintf(g_other, sizeof g_other, "%s.other", g_name);
  g_pieces = strcmp(mode, "pieces") == 0;

  struct sigaction action = {};
  action.sa_handler = strcmp(mode, "silent") == 0 ? DoNothing : strcmp(mode, "ends") == 0 ? End : WriteIt;
  if (strcmp(mode, "uncaught") != 0) sigaction(SIGUSR2, &action, nullptr);
  if (strcmp(mode, "blocked") == 0) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, nullptr);
  }
  if (strcmp(mode, "title") == 0) WriteOverEnvironment();
  printf("ready\n");
  fflush(stdout);
  for (;;) pause();
}
