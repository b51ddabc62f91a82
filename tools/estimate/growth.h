// SPDX-License-Identifier: Apache-2.0
// Is a difference between two sampled profiles more than the luck of sampling?
//
// For blocks of one size that are sampled with probability p, let n1 samples stand in the one profile and n2
// in the other, and w be what a sample stands for; the difference is D = sum n2 w - n1 w over all sizes. If
// nothing changed, then
//   - for small p, n2 given T = n1 + n2 is binomial (T, 1/2), or (T, p2 / (p1 + p2)) when the rates differ;
//   - for p over 1/2, n1 and n2 are binomial (N, p), with N as both together estimate it.
// With K(t) the sum of the logarithms of the moment generating functions of these terms, Chernoff's bound
//     P(D' >= D) <= min over t > 0 of exp(K(t) - t D)                                    (1)
// holds for every count, however small, and is exact where all samples of small p are on one side, as they
// are of a leak that the base does not have.
//
// Of many differences that are looked at together some are large by luck. That any is called significant
// though nothing changed has a probability of at most `level`: with k by Tarone's rule (Biometrics 46, 1990),
// a difference is significant at (1) <= level / k, where those do not count that could not reach level / k
// whichever way their samples fell.
// Thread-safety: values.
#ifndef HEAPPROF_TOOLS_ESTIMATE_GROWTH_H_
#define HEAPPROF_TOOLS_ESTIMATE_GROWTH_H_

#include <cstdint>
#include <vector>

#include "tools/estimate/estimate.h"

namespace heapprof::tools {

// How one size is sampled in one profile. p = 0 stands for "small": ticks of a clock, say.
struct Sampling {
  double probability = 0;
  double weight = 0;  // w
  double unit = 0;    // of the value, what a sample itself is: w p
};

// The samples on both sides of one line of a difference.
class Growth {
 public:
  // `size_key` tells sizes apart: equal sizes have equal keys. Sizes near each other may share one.
  void Add(uint32_t size_key, double base_samples, const Sampling& base, double new_samples,
           const Sampling& now);
  // A change that is known without doubt: of values that are not sampled.
  void AddCertain(double value) { certain_ += value; }

  // D.
  double value() const;
  // 95 % limits of the true change: those of both sides, combined (Zou and Donner, Statistics in Medicine 27,
  // 2008, page 1693).
  ConfidenceLimits Limits() const;
  // The bound (1) on the probability of so much growth by luck; of so much shrinking with `sign` -1.
  double Luck(int sign = 1) const;
  // The least that Luck could be for as many samples.
  double LeastLuck() const;

 private:
  struct Size {
    uint32_t key;
    double base_samples = 0, new_samples = 0;
    Sampling base, now;
  };
  struct Terms;

  std::vector<Size> sizes_;
  double certain_ = 0;
};

// k of Tarone's rule for a family of differences.
size_t FamilySize(std::vector<double> least_lucks, double level);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_ESTIMATE_GROWTH_H_
