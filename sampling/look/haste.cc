// SPDX-License-Identifier: Apache-2.0
#include "sampling/look/haste.h"

#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

struct SchedulingAttributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

bool Set(const SchedulingAttributes& attributes) {
  return RawSyscall(SYS_sched_setattr, 0, reinterpret_cast<long>(&attributes), 0) == 0;
}

void AskForSlices(uint64_t nanos) {
  // The system call gives 20 less the nice value.
  const auto nice = static_cast<int32_t>(20 - RawSyscall(SYS_getpriority, PRIO_PROCESS, 0));
  Set({sizeof(SchedulingAttributes), SCHED_OTHER, 0, nice, 0, nanos, 0, 0});
}

}  // namespace

bool HurryUp() {
  if (Set({sizeof(SchedulingAttributes), SCHED_FIFO, 0, 0, 1, 0, 0, 0})) return true;
  constexpr uint64_t kShortest = 100'000;  // ns
  AskForSlices(kShortest);
  return false;
}

void TakeTime() {
  constexpr uint64_t kLong = 8'000'000;  // ns; the usual one is about 3 ms
  AskForSlices(kLong);
}

}  // namespace heapprof
