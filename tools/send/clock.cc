// SPDX-License-Identifier: Apache-2.0
#include "tools/send/clock.h"

#include <ctime>
#include <fstream>

namespace heapprof::tools::send {
namespace {

int64_t Nanoseconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

}  // namespace

Clock SystemClock() {
  Clock clock;
  clock.now = [] { return Moment{Nanoseconds(CLOCK_REALTIME), Nanoseconds(CLOCK_BOOTTIME)}; };
  std::ifstream("/proc/sys/kernel/random/boot_id") >> clock.boot_id;
  return clock;
}

}  // namespace heapprof::tools::send
