// SPDX-License-Identifier: Apache-2.0
// Allocations of known number and size, from functions known by name; truth_test has the same figures.
//   workload SCALE: each function allocates SCALE times its share, one third of it is still in use at the
//   end.
//
// truth_0 .. truth_6 take one size each, in one thread; spread takes every size from 1 to 3000 in four
// threads; grown takes blocks through realloc.
#include <thread>
#include <vector>

#include "tests/system/programs/program.h"
#include "tests/system/truth/shares.h"

namespace {

volatile size_t g_kept;  // so that no block is optimised away

// Every third block stays; the others are freed after a while, in the order of their birth.
class Keeper {
 public:
  void Keep(void* block) {
    CHECK(block != nullptr);
    if (count_++ % 3 == 0) {
      g_kept = g_kept + 1;
      return;
    }
    void*& slot = passing_[next_++ % kPassing];
    free(slot);
    slot = block;
  }
  ~Keeper() {
    for (void* block : passing_) free(block);
  }

 private:
  static constexpr size_t kPassing = 32;
  void* passing_[kPassing] = {};
  size_t next_ = 0;
  uint64_t count_ = 0;
};

}  // namespace

#define TRUTH(index)                                                                 \
  extern "C" NOINLINE void truth_##index(long scale) {                               \
    Keeper keeper;                                                                   \
    const Share share = kShares[index];                                              \
    for (long i = 0; i < share.blocks * scale; ++i) keeper.Keep(malloc(share.size)); \
  }
TRUTH(0)
TRUTH(1)
TRUTH(2)
TRUTH(3)
TRUTH(4)
TRUTH(5)
TRUTH(6)

extern "C" NOINLINE void truth_spread(long scale) {
  Keeper keeper;
  for (long i = 0; i < scale; ++i) {
    for (size_t size = 1; size <= kSpreadSizes; ++size) keeper.Keep(malloc(size));
  }
}

// Each block is born with a third of its last size: two allocations, of which at most the second stays.
extern "C" NOINLINE void truth_grown(long scale) {
  Keeper keeper;
  for (long i = 0; i < kGrownBlocks * scale; ++i) keeper.Keep(realloc(malloc(kGrownFrom), kGrownSize));
}

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const long scale = atol(argv[1]);
  truth_0(scale);
  truth_1(scale);
  truth_2(scale);
  truth_3(scale);
  truth_4(scale);
  truth_5(scale);
  truth_6(scale);
  std::vector<std::thread> threads;
  for (int i = 0; i < kSpreadThreads; ++i) threads.emplace_back(truth_spread, scale);
  for (std::thread& thread : threads) thread.join();
  truth_grown(scale);
  Finish();
}
