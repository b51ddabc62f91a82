// SPDX-License-Identifier: Apache-2.0
// What the workload allocates, for the program and for the test that knows the truth.
#ifndef HEAPPROF_TESTS_SYSTEM_TRUTH_SHARES_H_
#define HEAPPROF_TESTS_SYSTEM_TRUTH_SHARES_H_

#include <stddef.h>

// `blocks` * SCALE allocations of `size` bytes: from far below the mean interval to above it. Multiples of 3,
// so that exactly a third stays.
struct Share {
  size_t size;
  long blocks;
};
inline constexpr Share kShares[] = {{16, 6144}, {100, 1200}, {1000, 150}, {4096, 60},
                                    {40000, 9}, {300000, 3}, {1500000, 3}};
inline constexpr size_t kSpreadSizes = 300;
inline constexpr int kSpreadThreads = 4;
inline constexpr size_t kGrownSize = 3000;
inline constexpr size_t kGrownFrom = kGrownSize / 3;
inline constexpr long kGrownBlocks = 60;

#endif  // HEAPPROF_TESTS_SYSTEM_TRUTH_SHARES_H_
