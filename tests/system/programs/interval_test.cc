// SPDX-License-Identifier: Apache-2.0
// The interval is changed while threads allocate, and while they are born.
#include <gtest/gtest.h>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

class Interval : public AtInterval {
 protected:
  void Changes(const std::string& beside, int rounds) {
    auto run = Hazard({Program("interval_changes"), beside, std::to_string(rounds * SoakFactor())}, "",
                      60 * SoakFactor());
    ExpectRunsWell(run.get());
  }
};
INTERVALS(Interval);

TEST_P(Interval, AChangeReachesThreadsThatNeverPause) { Changes("busy", 12); }
TEST_P(Interval, AHandlerMayChangeItInTheMiddleOfAnAllocation) { Changes("handler", 12); }
TEST_P(Interval, AChangeReachesThreadsThatAreBeingBorn) { Changes("births", 1000); }

}  // namespace
}  // namespace heapprof::test
