// SPDX-License-Identifier: Apache-2.0
// How sure a figure of a sampled profile is.
//
// A block of S bytes is sampled with probability p = 1 - exp(-S/R). So a sample stands for 1/p blocks; its
// weight w is 1/p if objects are counted, and S/p if bytes are. n samples of one size make the estimate n w.
// Its variance about the truth is n w^2 (1 - p): blocks that are certain to be sampled add none. The samples
// themselves are the certain part of the estimate. The rest, n w (1 - p), stands for the blocks that were not
// sampled. Over many sizes
//     y = sum n w,   u = sum n w (1 - p),   v = sum n w^2 (1 - p)                         (1)
// The 95 % limits are those of Fay and Feuer (Statistics in Medicine 16, 1997, page 795) for weighted sums of
// Poisson counts, put around that rest, with G(a, q) the quantile of the gamma distribution:
//     low  = y - u + v/u G(u^2/v, 0.025)
//     high = y - u + v'/u' G(u'^2/v', 0.975),   u' = u + w (1 - p),   v' = v + w^2 (1 - p)  (2)
// where w (1 - p) is the largest of the sum: as if there were one sample more. For one size and small p the
// limits are exact.
//
// Thread-safety: values. Allocates: never, but for Estimator.
#ifndef HEAPPROF_TOOLS_ESTIMATE_ESTIMATE_H_
#define HEAPPROF_TOOLS_ESTIMATE_ESTIMATE_H_

#include <cstdint>
#include <optional>

#include "tools/profile/profile.h"

namespace heapprof::tools {

// What one entry of a profile contributes to y and v.
struct Contribution {
  double samples = 0;  // n
  double weight = 0;   // w
  double missing = 0;  // 1 - p
  double seen = 0;     // of the value, the part that the samples themselves are
};

// The 95 % confidence limits of a figure.
struct ConfidenceLimits {
  double low = 0, high = 0;
};

// A sum of contributions.
class Uncertainty {
 public:
  void Add(const Contribution& c) {
    const double extra = c.weight * c.weight * c.missing;
    variance_ += c.samples * extra;
    seen_ += c.seen;
    samples_ += c.samples;
    if (c.weight * c.missing > one_more_) {
      one_more_ = c.weight * c.missing;
      one_more_variance_ = extra;
    }
  }
  double variance() const { return variance_; }
  double samples() const { return samples_; }
  // The 95 % limits of the sum `value` of the same entries.
  ConfidenceLimits Limits(double value) const;

 private:
  double variance_ = 0, seen_ = 0, samples_ = 0;
  double one_more_ = 0, one_more_variance_ = 0;
};

// True if so few samples stand behind a value that the limits reach from under half of it to over its double.
bool IsNoise(double value, const ConfidenceLimits& limits);

// Finds out how a sample type of a profile was sampled.
class Estimator {
 public:
  Estimator(const Profile& profile, size_t type);

  // False where nothing is known about the sampling, or where there is none: figures have no limits then.
  bool sampled() const { return kind_ != Kind::kNone; }
  Contribution Of(size_t sample) const;
  // The probability that a block of `size` bytes is sampled.
  double Probability(double size) const;
  // What one tick of a clock stands for; 0 for profiles of blocks.
  double tick() const { return tick_; }
  // The size of the blocks of `sample` in bytes, 0 where it is not known.
  double BlockSize(size_t sample) const;

 private:
  enum class Kind { kNone, kObjects, kBytes, kTicks };

  const Profile& profile_;
  size_t type_;
  Kind kind_ = Kind::kNone;
  double period_ = 0, tick_ = 0;
  size_t objects_type_ = 0, bytes_type_ = 0;  // of the pair that type_ belongs to
  bool has_pair_ = false;
  uint32_t bytes_key_ = 0;  // string "bytes"
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_ESTIMATE_ESTIMATE_H_
