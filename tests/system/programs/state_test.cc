// SPDX-License-Identifier: Apache-2.0
// What belongs to the program, and the library leaves as it found it: errno, the floating-point environment.
#include <gtest/gtest.h>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

class State : public AtInterval {};
INTERVALS(State);

TEST_P(State, FloatingPointFlagsTrapsAndRounding) {
  auto run = Hazard({Program("float_environment")});
  ExpectRunsWell(run.get());
  EXPECT_EQ(run->ProfileCount(), Bare() ? 0u : 12u);
}

TEST_P(State, SystemCallsThroughLibcsFunction) {
  auto run = Hazard({Program("system_calls")});
  ExpectRunsWell(run.get());
}

TEST_P(State, ErrnoWhereTheKernelTakesNoMemoryBack) {
  auto run = Hazard({Program("errno_kept")});
  run->command().env.emplace_back("MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0");
  ExpectRunsWell(run.get());
}

}  // namespace
}  // namespace heapprof::test
