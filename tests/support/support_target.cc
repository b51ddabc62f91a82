// SPDX-License-Identifier: Apache-2.0
// The program under the watchdog in support_test: does what its first argument says.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace {

// Known by name to the test, which looks for it in the stacks of a hung program.
__attribute__((noinline)) void HangsHere(const char* who) {
  printf("%s hangs\n", who);
  fflush(stdout);
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "speak") == 0) {
    printf("to out\n");
    fprintf(stderr, "to err\n");
    return 3;
  }
  if (strcmp(what, "flood") == 0) {  // more than a pipe holds, to both
    for (int i = 0; i < 100000; ++i) {
      printf("0123456789\n");
      fprintf(stderr, "0123456789\n");
    }
    return 0;
  }
  if (strcmp(what, "die") == 0) raise(SIGTERM);
  if (strcmp(what, "hang") == 0) {
    const pid_t child = fork();
    if (child == 0) HangsHere("child");
    printf("pid %d\n", child);
    HangsHere("parent");
  }
  if (strcmp(what, "env") == 0) {
    const char* value = getenv(argv[2]);
    printf("%s\n", value != nullptr ? value : "(none)");
  }
  return 0;
}
