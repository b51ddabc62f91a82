// SPDX-License-Identifier: Apache-2.0
#include "tools/estimate/growth.h"

#include <algorithm>
#include <cmath>

namespace heapprof::tools {
namespace {

// Beyond this p a block is as good as certain to be sampled.
constexpr double kCertain = 1 - 1e-12;

// log((1 - q) e^x + q e^y), and the share of the second term.
double LogMix(double q, double x, double y, double* share) {
  const double top = std::max(x, y);
  const double first = (1 - q) * std::exp(x - top), second = q * std::exp(y - top);
  *share = second / (first + second);
  return top + std::log(first + second);
}

}  // namespace

void Growth::Add(uint32_t size_key, double base_samples, const Sampling& base, double new_samples,
                 const Sampling& now) {
  auto at = std::lower_bound(sizes_.begin(), sizes_.end(), size_key,
                             [](const Size& size, uint32_t key) { return size.key < key; });
  if (at == sizes_.end() || at->key != size_key) at = sizes_.insert(at, Size{size_key, 0, 0, base, now});
  // Sizes that share a key have the mean of their rates.
  const auto mix = [](Sampling* to, double have, const Sampling& from, double add) {
    const double all = have + add;
    const double share = all > 0 ? add / all : 0.5;
    to->probability += share * (from.probability - to->probability);
    to->weight += share * (from.weight - to->weight);
    to->unit += share * (from.unit - to->unit);
  };
  const double have = at->base_samples + at->new_samples, add = base_samples + new_samples;
  mix(&at->base, have, base, add);
  mix(&at->now, have, now, add);
  at->base_samples += base_samples;
  at->new_samples += new_samples;
}

double Growth::value() const {
  double sum = certain_;
  for (const Size& size : sizes_) {
    sum += size.new_samples * size.now.weight - size.base_samples * size.base.weight;
  }
  return sum;
}

ConfidenceLimits Growth::Limits() const {
  double base = 0, now = 0;
  Uncertainty base_sum, new_sum;
  const auto add = [](Uncertainty* sum, double* value, double samples, const Sampling& how) {
    if (samples <= 0) return;
    sum->Add({samples, how.weight, 1 - how.probability, samples * how.unit});
    *value += samples * how.weight;
  };
  for (const Size& size : sizes_) {
    add(&base_sum, &base, size.base_samples, size.base);
    add(&new_sum, &now, size.new_samples, size.now);
  }
  const ConfidenceLimits base_limits = base_sum.Limits(base), new_limits = new_sum.Limits(now);
  const double change = value();
  return {change - std::hypot(now - new_limits.low, base_limits.high - base),
          change + std::hypot(new_limits.high - now, base - base_limits.low)};
}

// K and its derivative for one direction.
struct Growth::Terms {
  const std::vector<Size>& sizes;
  int sign;

  static bool IsSmall(const Size& size) { return size.base.probability < 0.5 && size.now.probability < 0.5; }
  static bool IsCertain(const Size& size) {
    return size.base.probability > kCertain && size.now.probability > kCertain;
  }
  // The share of the new profile's samples when nothing changed: as the rates are.
  static double NewShare(const Size& size) {
    return size.base.weight + size.now.weight > 0 ? size.base.weight / (size.base.weight + size.now.weight)
                                                  : 0.5;
  }
  static double Blocks(const Size& size) {
    const double sum = size.base.probability + size.now.probability;
    return std::max(
        {size.base_samples, size.new_samples, std::round((size.base_samples + size.new_samples) / sum)});
  }

  double K(double t, double* derivative) const {
    double k = 0;
    *derivative = 0;
    for (const Size& size : sizes) {
      if (IsCertain(size)) continue;
      const double up = sign * size.now.weight, down = -sign * size.base.weight;
      double share;
      if (IsSmall(size)) {
        const double total = size.base_samples + size.new_samples;
        k += total * LogMix(NewShare(size), t * down, t * up, &share);
        *derivative += total * (share * up + (1 - share) * down);
        continue;
      }
      const double blocks = Blocks(size);
      k += blocks * LogMix(size.now.probability, 0, t * up, &share);
      *derivative += blocks * share * up;
      k += blocks * LogMix(size.base.probability, 0, t * down, &share);
      *derivative += blocks * share * down;
    }
    return k;
  }

  // The largest D there could be of as many samples, and the logarithm of its probability.
  double Largest(double* log_probability) const {
    double largest = 0;
    *log_probability = 0;
    for (const Size& size : sizes) {
      if (IsCertain(size)) continue;
      const double weight = sign > 0 ? size.now.weight : size.base.weight;
      if (IsSmall(size)) {
        const double total = size.base_samples + size.new_samples;
        largest += total * weight;
        *log_probability += total * std::log(sign > 0 ? NewShare(size) : 1 - NewShare(size));
        continue;
      }
      const double p = sign > 0 ? size.now.probability : size.base.probability;
      const double other = sign > 0 ? size.base.probability : size.now.probability;
      largest += Blocks(size) * weight;
      *log_probability += Blocks(size) * (std::log(p) + std::log1p(-std::min(other, kCertain)));
    }
    return largest;
  }
};

double Growth::Luck(int sign) const {
  const double change = sign * value();
  if (!(change > 0)) return 1;
  const Terms terms{sizes_, sign};
  double log_probability;
  const double largest = terms.Largest(&log_probability);
  if (change > largest * (1 + 1e-9)) return 0;  // sampling cannot have done it
  if (change > largest * (1 - 1e-9)) return std::exp(log_probability);
  // K' grows from 0 at t = 0; a sample's weight is the scale of 1/t.
  double heaviest = 0, derivative;
  for (const Size& size : sizes_) heaviest = std::max({heaviest, size.base.weight, size.now.weight});
  double low = 0, high = 1 / heaviest;
  for (int i = 0; i < 200; ++i) {
    terms.K(high, &derivative);
    if (derivative >= change) break;
    high *= 2;
  }
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    terms.K(middle, &derivative);
    (derivative < change ? low : high) = middle;
  }
  return std::min(1.0, std::exp(terms.K(high, &derivative) - high * change));
}

double Growth::LeastLuck() const {
  if (certain_ != 0) return 0;
  for (const Size& size : sizes_) {
    if (Terms::IsCertain(size)) return 0;
  }
  double log_probability;
  Terms{sizes_, 1}.Largest(&log_probability);
  return std::exp(log_probability);
}

size_t FamilySize(std::vector<double> least_lucks, double level) {
  std::sort(least_lucks.begin(), least_lucks.end());
  for (size_t k = 1; k <= least_lucks.size(); ++k) {
    const auto able =
        std::upper_bound(least_lucks.begin(), least_lucks.end(), level / static_cast<double>(k));
    if (static_cast<size_t>(able - least_lucks.begin()) <= k) return k;
  }
  return std::max<size_t>(1, least_lucks.size());
}

}  // namespace heapprof::tools
