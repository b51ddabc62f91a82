// SPDX-License-Identifier: Apache-2.0
// The two functions of libm that sampling needs, so that no process has to load libm for it.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Sets no errno. Correct to two units in the last
// place in the domains given (tests/base/real_functions_test.cc compares them with libm's).
#pragma once

namespace heapprof {

// Natural logarithm; x: positive, finite, not denormal.
double Log(double x);
// e^x - 1; x: not above zero.
double Expm1(double x);

}  // namespace heapprof
