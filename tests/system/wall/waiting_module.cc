// SPDX-License-Identifier: Apache-2.0
// A library in which a thread waits.
#include <time.h>

extern "C" __attribute__((visibility("default"), noinline)) int WaitInModule(long nanos) {
  const timespec time = {0, nanos};
  return nanosleep(&time, nullptr) + 0 * static_cast<int>(nanos);
}
