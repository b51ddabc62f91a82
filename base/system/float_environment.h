// SPDX-License-Identifier: Apache-2.0
// Computing with floating point inside of the program's malloc, or anywhere in its code.
//
// The program may have any exception set to trap, reads the flags that operations leave behind, and may round
// as it likes. An OwnFloatEnvironment computes with nothing trapped, to nearest, and leaves all as it was.
//
//   OwnFloatEnvironment environment;
//   double x = static_cast<double>(Pinned(n));
//   ...
//   return Pinned(static_cast<uint64_t>(x));
//
// Compilers do not know that operations depend on the environment and would move them out of it: what goes in
// and what comes out is pinned, or is memory that another function reads and writes. Thread-safety: yes.
// Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_SYSTEM_FLOAT_ENVIRONMENT_H_
#define HEAPPROF_BASE_SYSTEM_FLOAT_ENVIRONMENT_H_

#include <stdint.h>

namespace heapprof {

// Per architecture: float_environment_<arch>.cc. The first sets the default environment and returns the old
// one.
uint64_t EnterDefaultFloatEnvironment();
void LeaveDefaultFloatEnvironment(uint64_t old_environment);

class OwnFloatEnvironment {
 public:
  OwnFloatEnvironment() : old_(EnterDefaultFloatEnvironment()) {}
  ~OwnFloatEnvironment() { LeaveDefaultFloatEnvironment(old_); }
  OwnFloatEnvironment(const OwnFloatEnvironment&) = delete;
  OwnFloatEnvironment& operator=(const OwnFloatEnvironment&) = delete;

 private:
  uint64_t old_;
};

// `value`, an integer, which the compiler takes to be made here and now.
template <typename Integer>
Integer Pinned(Integer value) {
  asm volatile("" : "+r"(value) : : "memory");
  return value;
}

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SYSTEM_FLOAT_ENVIRONMENT_H_
