// SPDX-License-Identifier: Apache-2.0
#include "tools/estimate/estimate.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "tools/estimate/gamma.h"

namespace heapprof::tools {

ConfidenceLimits Uncertainty::Limits(double value) const {
  constexpr double kTail = 0.025;
  const double passed_by = value - seen_;
  if (variance_ <= 0 || value <= 0 || passed_by <= 0) return {value, value};
  const auto quantile = [](double mean, double variance, double q) {
    return variance / mean * GammaQuantile(mean * mean / variance, q);
  };
  const double low = quantile(passed_by, variance_, kTail);
  const double high = quantile(passed_by + one_more_, variance_ + one_more_variance_, 1 - kTail);
  return {std::min(value, seen_ + low), std::max(value, seen_ + high)};
}

bool IsNoise(double value, const ConfidenceLimits& limits) {
  return limits.low < value / 2 && limits.high > 2 * value;
}

Estimator::Estimator(const Profile& profile, size_t type) : profile_(profile), type_(type) {
  const ProfileHeader& header = profile.header;
  period_ = static_cast<double>(header.period);
  const std::string_view period_type = profile.text(header.period_type.type);
  const std::string_view period_unit = profile.text(header.period_type.unit);
  const std::string name(profile.type_name(type));
  for (size_t i = 0; i < header.strings.size() && bytes_key_ == 0; ++i) {
    if (profile.text(static_cast<int64_t>(i)) == "bytes") bytes_key_ = static_cast<uint32_t>(i);
  }
  if (period_type == "space" && period_unit == "bytes") {
    if (header.period <= 1) return;  // every allocation is in the file
    for (const auto& [suffix, kind] :
         {std::pair("objects", Kind::kObjects), std::pair("space", Kind::kBytes)}) {
      const size_t length = std::string_view(suffix).size();
      if (name.size() < length || name.compare(name.size() - length, length, suffix) != 0) continue;
      kind_ = kind;
      const std::string prefix = name.substr(0, name.size() - length);
      bool objects = false, bytes = false;
      for (size_t i = 0; i < profile.type_count(); ++i) {
        if (profile.type_name(i) == prefix + "objects") objects_type_ = i, objects = true;
        if (profile.type_name(i) == prefix + "space") bytes_type_ = i, bytes = true;
      }
      has_pair_ = objects && bytes;
    }
  } else if (period_unit == "nanoseconds" && header.period > 0 && period_type != "wall") {
    // Ticks of a wall clock are spread evenly, one in each period: they scatter far less than these limits,
    // and how much depends on the thread.
    if (name == "samples") {
      kind_ = Kind::kTicks;
      tick_ = 1;
    } else if (name == period_type && profile.unit_name(type) == period_unit) {
      kind_ = Kind::kTicks;
      tick_ = period_;
    }
  }
}

double Estimator::BlockSize(size_t sample) const {
  for (const ProfileLabel& label : profile_.labels_of(profile_.samples[sample])) {
    if (label.key == bytes_key_ && label.str == 0 && label.num > 0) return static_cast<double>(label.num);
  }
  if (!has_pair_) return 0;
  const Range<int64_t> values = profile_.values_of(sample);
  const auto objects = static_cast<double>(values[objects_type_]);
  return objects == 0 ? 0 : std::fabs(static_cast<double>(values[bytes_type_]) / objects);
}

double Estimator::Probability(double size) const { return -std::expm1(-size / period_); }

Contribution Estimator::Of(size_t sample) const {
  Contribution out;
  const double value = std::fabs(static_cast<double>(profile_.values_of(sample)[type_]));
  if (value == 0 || kind_ == Kind::kNone) return out;
  double unit = tick_;
  if (kind_ == Kind::kTicks) {
    out.weight = tick_;
    out.missing = 1;
  } else {
    const double size = BlockSize(sample);
    if (size <= 0) return out;
    const double p = Probability(size);
    unit = kind_ == Kind::kBytes ? size : 1;
    out.weight = unit / p;
    out.missing = 1 - p;
  }
  // Values are whole numbers near n w; less than one sample's worth is no count of samples (a value that its
  // producer did not scale, or took the difference of).
  const double samples = value / out.weight;
  out.samples = samples < 0.5 ? samples : std::round(samples);
  out.seen = kind_ == Kind::kTicks ? 0 : std::min(value, out.samples * unit);
  return out;
}

}  // namespace heapprof::tools
