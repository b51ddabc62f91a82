// SPDX-License-Identifier: Apache-2.0
// A test fixture that runs each test at three sampling intervals: every allocation, many, few.
//
// Thread-safety: none; one per test. Allocates: no.
#ifndef HEAPPROF_TESTS_ALLOC_INTERVALS_H_
#define HEAPPROF_TESTS_ALLOC_INTERVALS_H_

#include <gtest/gtest.h>

#include "heapprof/heapprof.h"

namespace heapprof::test {

class AtInterval : public testing::TestWithParam<size_t> {
 protected:
  AtInterval() : before_(heapprof_sample_interval()) { heapprof_set_sample_interval(GetParam()); }
  ~AtInterval() override { heapprof_set_sample_interval(before_); }

  static struct heapprof_stats Stats() {
    struct heapprof_stats stats = {};
    stats.size = sizeof stats;
    EXPECT_EQ(heapprof_stats(&stats), 0);
    return stats;
  }

 private:
  size_t before_;
};

#define HEAPPROF_AT_INTERVALS(suite) \
  INSTANTIATE_TEST_SUITE_P(Intervals, suite, testing::Values(size_t{1}, size_t{4096}, size_t{512} << 10))

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_ALLOC_INTERVALS_H_
