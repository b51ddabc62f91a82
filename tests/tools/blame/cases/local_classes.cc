// SPDX-License-Identifier: Apache-2.0
// A cache in an unnamed namespace, whose pages come from a wrapper of its own; two functions are called Fill.
#include <cstdlib>
#include <list>

namespace {

// No list knows it, and everybody calls it.
__attribute__((noinline)) void* page_alloc(size_t size) {
  void* page = malloc(size);
  if (page == nullptr) abort();
  return page;
}

class Cache {
 public:
  __attribute__((noinline)) void Fill(int pages) {
    for (int i = 0; i < pages; ++i) pages_.push_back(page_alloc(4096));
  }

 private:
  std::list<void*> pages_;
};

__attribute__((noinline)) void Fill(std::list<void*>* pages) { pages->push_back(page_alloc(4096)); }
__attribute__((noinline)) void Grow(std::list<void*>* pages) { pages->push_back(page_alloc(8192)); }

Cache cache;
std::list<void*> others;

}  // namespace

int main() {
  cache.Fill(1000);
  for (int i = 0; i < 100; ++i) {
    Fill(&others);
    Grow(&others);
  }
}
