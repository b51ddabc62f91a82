// SPDX-License-Identifier: Apache-2.0
// Programs of this folder's tests, and a fixture that runs each test at four sampling intervals: none, every
// allocation, many, few.
//
// Thread-safety: none; one per test. Allocates: yes.
#ifndef HEAPPROF_TESTS_ALLOC_PROGRAMS_H_
#define HEAPPROF_TESTS_ALLOC_PROGRAMS_H_

#include <gtest/gtest.h>

#include <string>

#include "tests/support/under.h"

namespace heapprof::test {

inline std::string Program(const std::string& name) { return std::string(PROGRAMS_DIR) + "/" + name; }

// The parameter is the value of HEAPPROF_OPTIONS.
class UnderOptions : public testing::TestWithParam<const char*> {};

#define HEAPPROF_UNDER_INTERVALS(suite)                                                                    \
  INSTANTIATE_TEST_SUITE_P(Intervals, suite,                                                               \
                           testing::Values("sample_interval=0", "sample_interval=1", "sample_interval=4k", \
                                           "sample_interval=512k"))

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_ALLOC_PROGRAMS_H_
