// SPDX-License-Identifier: Apache-2.0
// An arena whose memory comes from the program's extent hooks. What was freed there keeps nothing, and what
// is alive there does. argv[1]: "freed", "alive" or "switched" (hooks set on an arena that has memory).
#include <string.h>
#include <sys/mman.h>

#include "tests/system/programs/program.h"

extern "C" {
void* mallocx(size_t size, int flags) __attribute__((weak));
void dallocx(void* block, int flags) __attribute__((weak));
int mallctl(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size)
    __attribute__((weak));
}

namespace {

struct Hooks {
  void* (*alloc)(Hooks*, void*, size_t, size_t, bool*, bool*, unsigned);
  bool (*dalloc)(Hooks*, void*, size_t, bool, unsigned);
  void (*destroy)(Hooks*, void*, size_t, bool, unsigned);
  void* others[6];
};

// Memory at the alignment that is asked for, out of one reservation.
char* g_next;
void* Alloc(Hooks* hooks, void* wanted, size_t size, size_t alignment, bool* zero, bool* commit, unsigned);
bool Dalloc(Hooks*, void* extent, size_t size, bool, unsigned) { return munmap(extent, size) != 0; }
void Destroy(Hooks*, void* extent, size_t size, bool, unsigned) { munmap(extent, size); }
Hooks g_hooks = {Alloc, Dalloc, Destroy, {}};

void* Alloc(Hooks* hooks, void* wanted, size_t size, size_t alignment, bool* zero, bool* commit, unsigned) {
  CHECK(hooks == &g_hooks);
  if (wanted != nullptr) return nullptr;
  constexpr size_t kReserved = size_t{1} << 30;
  if (g_next == nullptr) {
    g_next = static_cast<char*>(
        mmap(nullptr, kReserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    CHECK(g_next != MAP_FAILED);
  }
  auto at = (reinterpret_cast<uintptr_t>(g_next) + alignment - 1) & ~(alignment - 1);
  g_next = reinterpret_cast<char*>(at + size);
  *zero = true;
  *commit = true;
  return reinterpret_cast<void*>(at);
}

constexpr int kNoCache = 0x100;
void** volatile g_holder;

NOINLINE void Hold(int flags) {
  auto** holder = static_cast<void**>(mallocx(800, flags));
  CHECK(holder != nullptr);
  memset(holder, 0, 800);
  holder[50] = malloc(41);
  g_holder = holder;
}

NOINLINE void WipeStack() {
  char bytes[64 << 10];
  memset(bytes, 0, sizeof bytes);
  asm volatile("" : : "r"(bytes) : "memory");
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2 && mallocx != nullptr);
  const bool switched = strcmp(argv[1], "switched") == 0;
  unsigned arena = 0;
  size_t size = sizeof arena;
  Hooks* hooks = &g_hooks;
  constexpr size_t kPointer = sizeof(void*);  // what jemalloc takes is a pointer to the hooks
  CHECK(mallctl("arenas.create", &arena, &size, switched ? nullptr : &hooks, switched ? 0 : kPointer) == 0);
  const int flags = static_cast<int>((arena + 1) << 20) | kNoCache;
  char name[64];
  snprintf(name, sizeof name, "arena.%u.extent_hooks", arena);
  if (switched) {
    dallocx(mallocx(5 << 20, flags), flags);
    CHECK(mallctl(name, nullptr, nullptr, &hooks, kPointer) == 0);
  }
  Hooks* found = nullptr;
  size = kPointer;
  CHECK(mallctl(name, &found, &size, nullptr, 0) == 0);
  CHECK(found == &g_hooks);
  dallocx(mallocx(8 << 20, flags), flags);
  Hold(flags);
  if (strcmp(argv[1], "alive") != 0) {
    dallocx(g_holder, flags);
    g_holder = nullptr;
  }
  WipeStack();
  return 0;
}
