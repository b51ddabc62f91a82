// SPDX-License-Identifier: Apache-2.0
#include "base/system/float_environment.h"

namespace heapprof {

// MXCSR alone: nothing of ours is computed by the x87.
uint64_t EnterDefaultFloatEnvironment() {
  constexpr uint32_t kDefault = 0x1f80;
  uint32_t old, fresh = kDefault;
  asm volatile("stmxcsr %0\n\tldmxcsr %1" : "=m"(old) : "m"(fresh));
  return old;
}

void LeaveDefaultFloatEnvironment(uint64_t old_environment) {
  auto old = static_cast<uint32_t>(old_environment);
  asm volatile("ldmxcsr %0" : : "m"(old));
}

}  // namespace heapprof
