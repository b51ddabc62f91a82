// SPDX-License-Identifier: Apache-2.0
// Allocation from preinit_array, from constructors of every priority, and from static objects; all of it is
// freed in main.
#include <string>
#include <thread>

#include "tests/system/programs/churn.h"

namespace {

char* g_early;
char* g_first;
std::thread* g_thread;
const std::string* const g_text = new std::string(3000, 't');

void Early(int, char**, char**) {
  g_early = static_cast<char*>(calloc(30, 100));
  if (g_early != nullptr) g_early[2999] = 'e';
}
__attribute__((section(".preinit_array"), used)) void (*const g_preinit)(int, char**, char**) = Early;

__attribute__((constructor(101))) void First() { g_first = strdup("first"); }

// A thread that starts before main.
__attribute__((constructor)) void Starter() {
  g_thread = new std::thread([] { Churn(5).Steps(1000); });
}

}  // namespace

int main() {
  CHECK(g_early != nullptr && g_early[0] == 0 && g_early[2999] == 'e');
  CHECK(strcmp(g_first, "first") == 0);
  CHECK(g_text->size() == 3000);
  g_thread->join();
  DumpBySignal();
  free(g_early);
  free(g_first);
  delete g_text;
  delete g_thread;
  Dump();
  Finish();
}
