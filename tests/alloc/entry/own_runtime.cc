// SPDX-License-Identifier: Apache-2.0
// A program that has its C++ runtime within itself: operator new throws by that one, and brings no other.
#include <stdio.h>
#include <string.h>

#include <exception>

extern "C" int NewFails(void);

int main() {
  const int good = NewFails();
  bool loaded = false;
  char line[4096];
  FILE* maps = fopen("/proc/self/maps", "r");
  while (maps != nullptr && fgets(line, sizeof line, maps) != nullptr) {
    loaded |= strstr(line, "/libstdc++.so") != nullptr;
  }
  if (maps != nullptr) fclose(maps);
  printf("%d of 5, on their way %d, libstdc++ %d\n", good, std::uncaught_exceptions(), loaded);
}
