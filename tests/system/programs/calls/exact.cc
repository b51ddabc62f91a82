// SPDX-License-Identifier: Apache-2.0
// Known numbers of blocks from functions known by name; exact_test has the same numbers.
#include <malloc.h>

#include <new>
#include <thread>
#include <vector>

#include "tests/system/programs/program.h"

namespace {

void* g_a[100];
void* g_b[50];
char* g_d[4][250];
char* g_e[30];
void* g_f[10];

}  // namespace

// 100 blocks of 37 bytes; 40 are freed: 60 in use.
extern "C" NOINLINE void alloc_a() {
  for (void*& block : g_a) block = malloc(37);
}
// 50 blocks of 10 * 100 bytes by calloc; 20 of them move on to alloc_c, 5 are freed: 25 in use.
extern "C" NOINLINE void alloc_b() {
  for (void*& block : g_b) block = calloc(10, 100);
}
// 20 blocks grow to 2000 bytes, then in place or not shrink to 1500: 40 allocations, 20 in use.
extern "C" NOINLINE void alloc_c() {
  for (int i = 0; i < 20; ++i) g_b[i] = realloc(g_b[i], 2000);
  for (int i = 0; i < 20; ++i) g_b[i] = realloc(g_b[i], 1500);
}
// 250 blocks of 64 bytes by new[] in each of 4 threads; another thread deletes each second one: 500 in use.
extern "C" NOINLINE void alloc_d(int thread) {
  for (char*& block : g_d[thread]) block = new char[64];
}
// 30 copies of a text of 25 characters: 26 bytes each, allocated inside libc; all in use.
extern "C" NOINLINE void alloc_e() {
  for (char*& block : g_e) block = strdup("twenty-five characters ..");
}
// 10 aligned blocks of 300 bytes, by each of 5 ways two; 1 is freed: 9 in use.
extern "C" NOINLINE void alloc_f() {
  for (int i = 0; i < 2; ++i) {
    CHECK(posix_memalign(&g_f[i], 256, 300) == 0);
    g_f[2 + i] = aligned_alloc(64, 300);
    g_f[4 + i] = memalign(4096, 300);
    g_f[6 + i] = operator new (300, std::align_val_t{128});
    g_f[8 + i] = reallocarray(nullptr, 3, 100);
  }
}

int main() {
  alloc_a();
  for (int i = 0; i < 40; ++i) free(g_a[i]);
  alloc_b();
  alloc_c();
  for (int i = 45; i < 50; ++i) free(g_b[i]);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(alloc_d, i);
  for (std::thread& thread : threads) thread.join();
  std::thread([] {
    for (auto& row : g_d) {
      for (int i = 0; i < 250; i += 2) delete[] row[i];
    }
  }).join();
  alloc_e();
  alloc_f();
  operator delete (g_f[6], std::align_val_t{128});
  for (void* block : g_f) CHECK(block != nullptr);
  Dump();
  DumpBySignal();
  Finish();
}
