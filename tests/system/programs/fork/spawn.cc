// SPDX-License-Identifier: Apache-2.0
// vfork and posix_spawn leave the parent's profile as it is, and no child dumps.   spawn ROUNDS [watched]
// "watched": a wall-clock profile runs, whose watcher maps tables of its own meanwhile.
#include <spawn.h>
#include <sys/wait.h>

#include "tests/system/programs/program.h"

namespace {

// In the parent's memory, until it ends: what it did to the library's state would stay.
NOINLINE pid_t VforkAndLeave() {
  const pid_t child = vfork();
  if (child == 0) _exit(0);
  return child;
}

void Reap(pid_t child) {
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2 || (argc == 3 && strcmp(argv[2], "watched") == 0));
  static char program[] = "/bin/true";
  char* arguments[] = {program, nullptr};
  char* no_environment[] = {nullptr};
  void* kept = malloc(1000);
  Dump();
  const auto before = Stats();
  for (int round = 0; round < atoi(argv[1]); ++round) {
    Reap(VforkAndLeave());
    pid_t child = 0;
    CHECK(posix_spawn(&child, program, nullptr, nullptr, arguments, no_environment) == 0);
    Reap(child);
  }
  auto after = Stats();
  if (argc == 3) after.metadata_bytes = before.metadata_bytes;
  CHECK(memcmp(&before, &after, sizeof before) == 0);
  Dump();
  free(kept);
  Finish();
}
