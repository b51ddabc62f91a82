// SPDX-License-Identifier: Apache-2.0
// Tests that use a process up: tables that live as long as it does, and are full afterwards.
#ifndef HEAPPROF_TESTS_SUPPORT_OWN_PROCESS_H_
#define HEAPPROF_TESTS_SUPPORT_OWN_PROCESS_H_

#include <gtest/gtest.h>

#include <cstdlib>

namespace heapprof::test {

// Runs `body`, expectations and all, in a process that runs nothing else of this program: the test is started
// anew there. Called once in a test.
template <typename Body>
void InAProcessOfItsOwn(Body body) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        body();
        std::exit(testing::Test::HasFailure() ? EXIT_FAILURE : EXIT_SUCCESS);
      },
      testing::ExitedWithCode(EXIT_SUCCESS), "");
}

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SUPPORT_OWN_PROCESS_H_
