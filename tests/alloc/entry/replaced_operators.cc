// SPDX-License-Identifier: Apache-2.0
// A program that replaces operator new(size_t) and operator delete(void*) by a pool of its own. The standard
// has every other default form call these two, so none of the pool's blocks may reach the library.
#include <new>

#include "tests/system/programs/program.h"

namespace {

alignas(16) char g_pool[1 << 20];
size_t g_used;
int g_news, g_deletes;

}  // namespace

void* operator new(size_t size) {
  ++g_news;
  size_t need = (size + 15) & ~size_t{15};
  if (g_used + need > sizeof g_pool) throw std::bad_alloc();
  char* block = g_pool + g_used;
  g_used += need;
  return block;
}
void operator delete(void*) noexcept { ++g_deletes; }
void operator delete(void*,
                     size_t) noexcept;  // these two are not replaced; clang declares them on demand only
void operator delete[](void*, size_t) noexcept;

int main() {
  int news = g_news, deletes = g_deletes;
  constexpr int kRounds = 100;
  for (int i = 0; i < kRounds; ++i) {
    size_t size = 24 + static_cast<size_t>(i) * 8;
    ::operator delete(::operator new(size), size);
    ::operator delete[](::operator new[](size));
    ::operator delete[](::operator new[](size), size);
    ::operator delete(::operator new(size, std::nothrow), std::nothrow);
    ::operator delete[](::operator new[](size, std::nothrow), std::nothrow);
  }
  CHECK(g_news - news == 5 * kRounds);
  CHECK(g_deletes - deletes == 5 * kRounds);
  CHECK(::operator new(2 << 20, std::nothrow) == nullptr);
  Finish();
}
