// SPDX-License-Identifier: Apache-2.0
// Dumps by signal on an alternate stack of the smallest size that the kernel allows, with a guard page below
// it; errno and the registers' contents must come back unchanged.
#include <thread>

#include "tests/system/programs/churn.h"
#include "tests/system/programs/signal_stack.h"

namespace {

void OnSmallStack() {
  SmallSignalStack stack;
  Churn churn(1);
  for (int round = 0; round < 20; ++round) {
    churn.Steps(50);
    errno = 4242;
    const double kept = 0.1 * round;
    DumpBySignal();
    CHECK(errno == 4242);
    CHECK(kept == 0.1 * round);
  }
}

}  // namespace

int main() {
  OnSmallStack();
  std::thread(OnSmallStack).join();
  const auto stats = Stats();
  CHECK(!HasLibrary() || stats.dumps + stats.failed_dumps == 40);
  Finish();
}
