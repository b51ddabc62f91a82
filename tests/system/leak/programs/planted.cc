// SPDX-License-Identifier: Apache-2.0
// Preloaded under a program: its first system calls leak ten blocks, each from a place of its own.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

namespace {

constexpr int kPlanted = 10, kCallsBetween = 3;
int g_calls;
void* volatile g_sink;

// Ten functions, so that each leak has its own stack. The sizes tell them apart, too.
template <int kPlace>
__attribute__((noinline)) void PlantLeak() {
  g_sink = malloc(20000 + kPlace);
  memset(g_sink, 'x', 20000 + kPlace);
  g_sink = nullptr;
}
using Plant = void (*)();
constexpr Plant kPlants[kPlanted] = {PlantLeak<0>, PlantLeak<1>, PlantLeak<2>, PlantLeak<3>, PlantLeak<4>,
                                     PlantLeak<5>, PlantLeak<6>, PlantLeak<7>, PlantLeak<8>, PlantLeak<9>};

__attribute__((noinline)) void Deep(Plant plant) {
  char bytes[8 << 10];
  memset(bytes, 0, sizeof bytes);
  asm volatile("" : : "r"(bytes) : "memory");
  plant();
  asm volatile("" : : "r"(bytes) : "memory");
}
__attribute__((noinline)) void Wipe() {
  char bytes[16 << 10];
  memset(bytes, 0, sizeof bytes);
  asm volatile("" : : "r"(bytes) : "memory");
}

void Count() {
  const int call = __atomic_fetch_add(&g_calls, 1, __ATOMIC_RELAXED);
  if (call % kCallsBetween != 0 || call / kCallsBetween >= kPlanted) return;
  Deep(kPlants[call / kCallsBetween]);
  Wipe();
}

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t read(int fd, void* to, size_t size) {
  static auto next = Next<ssize_t (*)(int, void*, size_t)>("read");
  Count();
  return next(fd, to, size);
}

ssize_t pwrite64(int fd, const void* from, size_t size, off_t offset) {
  static auto next = Next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite64");
  Count();
  return next(fd, from, size, offset);
}

}  // extern "C"
