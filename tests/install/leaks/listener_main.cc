// SPDX-License-Identifier: Apache-2.0
#include <heapprof/gtest.h>

HEAPPROF_RECORD_ALL_ALLOCATIONS();

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  heapprof::FailTestsThatLeak();
  return RUN_ALL_TESTS();
}
