// SPDX-License-Identifier: Apache-2.0
// jemalloc's own interface as <jemalloc/jemalloc.h> declares it, and its flags.
#ifndef HEAPPROF_TESTS_ALLOC_JEMALLOC_INTERFACE_H_
#define HEAPPROF_TESTS_ALLOC_JEMALLOC_INTERFACE_H_

#include <gtest/gtest.h>
#include <stddef.h>

extern "C" {
void* mallocx(size_t size, int flags);
void* rallocx(void* block, size_t size, int flags);
size_t xallocx(void* block, size_t size, size_t extra, int flags);
size_t sallocx(const void* block, int flags);
void dallocx(void* block, int flags);
void sdallocx(void* block, size_t size, int flags);
size_t nallocx(size_t size, int flags);
int mallctl(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size);
int mallctlnametomib(const char* name, size_t* mib, size_t* length);
int mallctlbymib(const size_t* mib, size_t length, void* old, size_t* old_size, void* fresh,
                 size_t fresh_size);
void malloc_stats_print(void (*write)(void*, const char*), void* arg, const char* options);
}

namespace heapprof::test {

inline constexpr int kZero = 0x40;
inline constexpr int kNoCache = 0x100;
inline int InArena(unsigned arena) { return static_cast<int>((arena + 1) << 20); }
inline int InCache(unsigned cache) { return static_cast<int>((cache + 2) << 8); }

inline unsigned NewArena() {
  unsigned arena = 0;
  size_t size = sizeof(arena);
  EXPECT_EQ(mallctl("arenas.create", &arena, &size, nullptr, 0), 0);
  return arena;
}

// While it lives, this thread allocates from an arena that nothing else uses, and has nothing cached.
class ThreadInNewArena {
 public:
  ThreadInNewArena() : before_(Bind(NewArena())) {}
  ~ThreadInNewArena() { Bind(before_); }
  ThreadInNewArena(const ThreadInNewArena&) = delete;
  ThreadInNewArena& operator=(const ThreadInNewArena&) = delete;

 private:
  static unsigned Bind(unsigned arena) {
    unsigned before = 0;
    size_t size = sizeof(before);
    EXPECT_EQ(mallctl("thread.arena", &before, &size, &arena, sizeof(arena)), 0);
    EXPECT_EQ(mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0), 0);
    return before;
  }

  unsigned before_;
};

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_ALLOC_JEMALLOC_INTERFACE_H_
