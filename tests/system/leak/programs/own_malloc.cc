// SPDX-License-Identifier: Apache-2.0
// A program that defines malloc itself: PASS_ON hands the calls to the next one, as a program that counts
// them does; else the blocks come from memory of its own.
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#ifdef HIDDEN
#define OWN __attribute__((visibility("hidden")))
#else
#define OWN __attribute__((visibility("default")))
#endif

namespace {

#ifdef PASS_ON
void* Take(size_t size) {
  static auto* next = reinterpret_cast<void* (*)(size_t)>(dlsym(RTLD_NEXT, "malloc"));
  return next(size);
}
void Give(void* block) {
  static auto* next = reinterpret_cast<void (*)(void*)>(dlsym(RTLD_NEXT, "free"));
  next(block);
}
#else
alignas(16) char g_memory[1 << 20];
size_t g_used;
void* Take(size_t size) {
  size = (size + 15) / 16 * 16;
  if (size > sizeof g_memory - g_used) return nullptr;
  g_used += size;
  return g_memory + g_used - size;
}
void Give(void*) {}
#endif

}  // namespace

extern "C" {
OWN void* malloc(size_t size) { return Take(size); }
OWN void free(void* block) { Give(block); }
#ifndef PASS_ON
OWN void* calloc(size_t count, size_t size) { return memset(Take(count * size), 0, count * size); }
OWN void* realloc(void* block, size_t size) {
  void* fresh = Take(size);
  if (block != nullptr && fresh != nullptr) memcpy(fresh, block, size);
  return fresh;
}
#endif
}

void* volatile g_last;

int main() {
  for (int i = 0; i < 10; ++i) g_last = malloc(100);
  g_last = nullptr;
  return 0;
}
