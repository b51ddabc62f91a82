// SPDX-License-Identifier: Apache-2.0
// A library that finds others by its own RUNPATH.
#include <dlfcn.h>

extern "C" __attribute__((visibility("default"))) void* find(const char* name) {
  void* volatile handle = dlopen(name, RTLD_NOW);  // no tail call: libc asks who calls
  return handle;
}
