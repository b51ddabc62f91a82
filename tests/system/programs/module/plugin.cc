// SPDX-License-Identifier: Apache-2.0
// A library that comes and goes, with TLS of its own (dynamic model), a constructor and a throwing function.
#include <stdlib.h>
#include <string.h>

#include <stdexcept>
#include <string>

namespace {

struct Loaded {
  Loaded() : text(new std::string(100, 'x')) {}
  ~Loaded() { delete text; }
  std::string* text;
};
Loaded g_loaded;

thread_local char t_room[200];
thread_local int t_calls;

}  // namespace

extern "C" {

__attribute__((visibility("default"), noinline)) void* plugin_alloc(size_t size) {
  void* block = malloc(size);
  memset(block, 1, size);
  return block;
}

// Touches the library's TLS, so that the loader has to find room for it in this thread.
__attribute__((visibility("default"))) int plugin_tls() {
  t_room[t_calls % 200] = 1;
  return ++t_calls;
}

// Calls back, from a frame of its own.
__attribute__((visibility("default"), noinline)) int plugin_call(int (*function)()) { return function() + 1; }

__attribute__((visibility("default"))) void plugin_throw(int depth) {
  std::string held(static_cast<size_t>(50 + depth), 'h');
  if (depth == 0) throw std::runtime_error("from the plug-in");
  plugin_throw(depth - 1);
  held.clear();
}
}
