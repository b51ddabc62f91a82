// SPDX-License-Identifier: Apache-2.0
// The C and C++ interface of scopes. Built with the library; exit status 0 if all is as it should be.
#include <errno.h>
#include <stdio.h>

#include <heapprof/heapprof.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/leak/programs/scenario.h"

extern "C" const char* heapprof_default_options(void) { return "sample_interval=1"; }

namespace {

void* volatile g_kept;
std::vector<std::string>* g_log;

NOINLINE void Wipe() {
  char bytes[64 << 10];
  memset(bytes, 0, sizeof bytes);
  asm volatile("" : : "r"(bytes) : "memory");
}
NOINLINE void LeakOne(size_t size) {
  g_kept = malloc(size);
  g_kept = nullptr;
}
NOINLINE void Leak(size_t size) {
  LeakOne(size);
  Wipe();
}

// What the call before left where the next one's frame will be.
NOINLINE void LeaveOnStack(void* block) {
  void* volatile words[4096];
  for (void* volatile& word : words) word = block;
}
// A block to which only that points is leaked, whoever of us looks.
NOINLINE void CheckWithoutFrameOfOurs() {
  const uint64_t since = heapprof_leak_mark();
  heapprof::Leaks leaks = {};
  leaks.size = sizeof leaks;
  LeaveOnStack(malloc(4444));
  CHECK(heapprof_check_leaks(since, 0, &leaks, nullptr, nullptr) == 0);
  CHECK(leaks.leaked_blocks == 1 && leaks.leaked_bytes == 4444);
}
NOINLINE void CheckAllWithoutFrameOfOurs() {
  CHECK(heapprof_do_recoverable_leak_check() == 0);
  LeaveOnStack(malloc(5555));
  CHECK(heapprof_do_recoverable_leak_check() == 1);
}

}  // namespace

int main() {
  CheckAllWithoutFrameOfOurs();
  CheckWithoutFrameOfOurs();
  Leak(11111);  // before the scope: not its
  constexpr uint64_t kBefore = 11111 + 4444 + 5555;
  heapprof::LeakScope scope;
  CHECK(scope.Check().leaked_blocks == 0);
  CHECK(!scope.error() && scope.report().empty());

  g_kept = malloc(500);  // alive, reached
  CHECK(scope.Check().leaked_blocks == 0);
  CHECK(scope.Alive().alive_bytes >= 500);
  CHECK(scope.report().find("Still allocated: 500 byte(s) in 1 object(s)") != std::string::npos);
  free(g_kept);

  Leak(2222);
  std::thread([] { Leak(3333); }).join();
  heapprof::Leaks leaks = scope.Check();
  CHECK(leaks.leaked_blocks == 2);
  CHECK(leaks.leaked_bytes == 2222 + 3333);
  CHECK(scope.report().find("LeakOne") != std::string::npos);
  scope.Restart();
  CHECK(scope.Check().leaked_blocks == 0);

  // All of the program, whenever it was allocated.
  heapprof::Leaks all = {};
  all.size = sizeof all;
  CHECK(heapprof_check_leaks(0, 0, &all, nullptr, nullptr) == 0);
  CHECK(all.leaked_bytes == kBefore + 2222 + 3333);

  // Fields that a later header may have are cleared.
  struct {
    heapprof::Leaks leaks;
    unsigned char room[64];
  } later;
  memset(&later, 0xff, sizeof later);
  later.leaks.size = sizeof later;
  CHECK(heapprof_check_leaks(0, 0, &later.leaks, nullptr, nullptr) == 0);
  CHECK(later.leaks.leaked_bytes == kBefore + 2222 + 3333);
  for (unsigned char byte : later.room) CHECK(byte == 0);

  CHECK(heapprof_check_leaks(0, 0, nullptr, nullptr, nullptr) == -EINVAL);
  CHECK(heapprof_check_leaks(0, 2, &all, nullptr, nullptr) == -EINVAL);
  all.size = 8;
  CHECK(heapprof_check_leaks(0, 0, &all, nullptr, nullptr) == -EINVAL);

  // What is steady does not grow, though each round allocates; what is kept does.
  g_log = new std::vector<std::string>;
  std::unique_ptr<std::string> last;
  CHECK(heapprof::GrowthOver(100, [&] { last.reset(new std::string(1000, 'x')); }) == 0);
  CHECK(heapprof::GrowthOver(100, [&] { g_log->emplace_back(1000, 'x'); }) >= 100 * 1000);

  CHECK(heapprof_set_sample_interval(4096) == 0);
  const heapprof::Leaks unknown = scope.Alive();
  CHECK(unknown.leaked_blocks == UINT64_MAX && unknown.leaked_bytes == UINT64_MAX);
  CHECK(unknown.alive_blocks == UINT64_MAX && unknown.alive_bytes == UINT64_MAX);
  CHECK(scope.error().value() == ENODATA && scope.report().find("not every allocation") != std::string::npos);
  std::error_code error;
  CHECK(heapprof::GrowthOver(
            1, [] {}, &error) == UINT64_MAX &&
        error.value() == ENODATA);
  CHECK(heapprof::GrowthOver(1, [] {}) == UINT64_MAX);
  puts("OK");
  return 0;
}
