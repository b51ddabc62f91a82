// SPDX-License-Identifier: Apache-2.0
// The gamma distribution: its distribution function and quantiles, for the limits of Poisson sums.
//
// Thread-safety: functions without state. Errors: none; arguments outside the stated ranges give NaN.
#ifndef HEAPPROF_TOOLS_ESTIMATE_GAMMA_H_
#define HEAPPROF_TOOLS_ESTIMATE_GAMMA_H_

namespace heapprof::tools {

// P(X <= x) for X of shape `shape` > 0 and scale 1, x >= 0: the regularized lower incomplete gamma function,
// by its series below shape + 1 and its continued fraction above (Abramowitz and Stegun 6.5.29, 6.5.31).
double GammaCdf(double shape, double x);

// The x with GammaCdf(shape, x) = p, 0 < p < 1; relative error below 1e-9 for shapes below 1e5. Above, the
// cube of Wilson and Hilferty stands alone, whose relative error is below 1e-7 there.
double GammaQuantile(double shape, double p);

// The x with P(Z <= x) = p for a standard normal Z, 0 < p < 1.
double NormalQuantile(double p);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_ESTIMATE_GAMMA_H_
