// SPDX-License-Identifier: Apache-2.0
// Has its own handler of SIGUSR2, installed before any library's constructor ("early") or in main ("late"),
// and raises it three times.   own_handler early|late|none [OTHER_SIGNAL]
#include <string>

#include "tests/system/programs/program.h"

namespace {

volatile sig_atomic_t g_seen = 0;
void Mine(int) { g_seen = g_seen + 1; }

void Install() {
  struct sigaction action {};
  action.sa_handler = Mine;
  CHECK(sigaction(SIGUSR2, &action, nullptr) == 0);
}

void Early(int argc, char** argv, char**) {
  if (argc > 1 && strcmp(argv[1], "early") == 0) Install();
}
__attribute__((section(".preinit_array"), used)) void (*const g_early)(int, char**, char**) = Early;

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc >= 2);
  const std::string when = argv[1];
  void* kept = malloc(100000);
  if (when == "late") Install();
  if (when != "none") {
    for (int i = 0; i < 3; ++i) raise(SIGUSR2);
    CHECK(g_seen == 3);
  }
  if (argc > 2) raise(atoi(argv[2]));
  free(kept);
  Finish();
}
