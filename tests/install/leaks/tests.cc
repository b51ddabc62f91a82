// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#ifdef WITH_LISTENER
#include <heapprof/gtest.h>
#endif

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <thread>

namespace {

void* volatile g_sink;

__attribute__((noinline)) void LeakOnce(size_t size) { g_sink = std::malloc(size); }
__attribute__((noinline)) void Wipe() {
  g_sink = nullptr;
  char bytes[32768];
  std::memset(bytes, 0, sizeof bytes);
  asm volatile("" : : "r"(bytes) : "memory");
}

std::map<int, std::string>& Cache() {
  static auto* cache = new std::map<int, std::string>;
  return *cache;
}

TEST(Tests, Clean) { EXPECT_EQ(std::string(1000, 'x').size(), 1000u); }

TEST(Tests, FillsACache) {
  for (int i = 0; i < 100; ++i) Cache()[i] = std::string(100, 'c');
}

TEST(Tests, Leaks) {
  for (int i = 0; i < 3; ++i) LeakOnce(50);
  Wipe();
}

TEST(Tests, LeaksInAThread) {
  std::thread thread([] {
    LeakOnce(70);
    Wipe();
  });
  thread.join();
  Wipe();
}

TEST(Tests, IsExempt) {
#ifdef WITH_LISTENER
  heapprof::ExemptTestFromLeakCheck();
#endif
  LeakOnce(90);
  Wipe();
}

TEST(Tests, CleanAgain) {
  std::thread([] { delete new int(1); }).join();
}

}  // namespace
