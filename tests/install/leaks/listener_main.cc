// SPDX-License-Identifier: Apache-2.0
#include <heapprof/gtest.h>

#include <cstring>

HEAPPROF_RECORD_ALL_ALLOCATIONS();

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1 && std::strcmp(argv[1], "--tell") == 0) {
    heapprof::FailTestsThatLeak(heapprof::Unchecked::kTell);
  } else {
    heapprof::FailTestsThatLeak();
  }
  return RUN_ALL_TESTS();
}
