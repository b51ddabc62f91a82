// SPDX-License-Identifier: Apache-2.0
#include "base/system/float_environment.h"

namespace heapprof {

// FPCR has how it rounds and what traps, FPSR the flags. In the default environment both are 0.
uint64_t EnterDefaultFloatEnvironment() {
  uint64_t control, status;
  asm volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(control), "=r"(status) : : "memory");
  if (control != 0) asm volatile("msr fpcr, xzr" : : : "memory");
  return control << 32 | (status & UINT32_MAX);
}

void LeaveDefaultFloatEnvironment(uint64_t old_environment) {
  const uint64_t control = old_environment >> 32, status = old_environment & UINT32_MAX;
  asm volatile("msr fpsr, %0" : : "r"(status) : "memory");
  if (control != 0) asm volatile("msr fpcr, %0" : : "r"(control) : "memory");
}

}  // namespace heapprof
