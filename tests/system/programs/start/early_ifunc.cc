// SPDX-License-Identifier: Apache-2.0
// The first malloc of the process happens in an IFUNC resolver, while the loader still relocates the program.
#include "tests/system/programs/program.h"

namespace {

char* g_from_resolver;
int Seven() { return 7; }

}  // namespace

extern "C" {

// Runs before any constructor, with TLS still all zero.
__attribute__((used)) int (*ResolveChosen())() {
  g_from_resolver = static_cast<char*>(malloc(100));
  if (g_from_resolver != nullptr) {
    for (int i = 0; i < 99; ++i) g_from_resolver[i] = 'r';
    g_from_resolver[99] = '\0';
  }
  free(malloc(5000));
  return Seven;
}
int Chosen() __attribute__((ifunc("ResolveChosen")));
}

int main() {
  CHECK(Chosen() == 7);
  CHECK(g_from_resolver != nullptr && strlen(g_from_resolver) == 99);
  g_from_resolver = static_cast<char*>(realloc(g_from_resolver, 100000));
  CHECK(g_from_resolver != nullptr && strlen(g_from_resolver) == 99 && g_from_resolver[50] == 'r');
  DumpBySignal();
  free(g_from_resolver);
  Dump();
  Finish();
}
