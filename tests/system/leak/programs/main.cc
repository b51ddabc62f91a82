// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "tests/system/leak/programs/scenario.h"

namespace {

struct List {
  const Scenario* first;
  size_t count;
};
List g_lists[16];
size_t g_count;

}  // namespace

Register::Register(const Scenario* first, size_t count) { g_lists[g_count++] = {first, count}; }

int main(int argc, char** argv) {
  bool list = argc < 2;
  for (size_t i = 0; i < g_count; ++i) {
    for (size_t k = 0; k < g_lists[i].count; ++k) {
      const Scenario& scenario = g_lists[i].first[k];
      if (list) {
        puts(scenario.name);
      } else if (strcmp(argv[1], scenario.name) == 0) {
        scenario.run();
        return 0;
      }
    }
  }
  if (!list) fprintf(stderr, "no scenario %s\n", argv[1]);
  return list ? 0 : 2;
}
