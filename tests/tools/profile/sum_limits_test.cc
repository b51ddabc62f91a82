// SPDX-License-Identifier: Apache-2.0
// How sure the sum of a fleet is: its limits hold the truth as often as they say.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>

#include "tools/estimate/estimate.h"
#include "tools/profile/merge.h"

namespace heapprof::test {
namespace {

using tools::ConfidenceLimits;
using tools::Estimator;
using tools::Interner;
using tools::kNone;
using tools::Merger;
using tools::Profile;
using tools::ProfileHeader;
using tools::Uncertainty;
using tools::ValueType;

// A fleet of which the truth is known: each process has as many blocks of a size in each of the places.
class Fleet {
 public:
  static constexpr size_t kPlaces = 200;
  static constexpr double kInterval = 524288;

  Fleet() {
    ProfileHeader& header = made_.header;
    Interner strings(&header.strings);
    const auto type = [&](const char* name, const char* unit) {
      return ValueType{strings.Intern(name), strings.Intern(unit)};
    };
    header.sample_types = {type("inuse_objects", "count"), type("inuse_space", "bytes")};
    header.period_type = type("space", "bytes");
    header.period = static_cast<int64_t>(kInterval);
    for (uint32_t place = 0; place < kPlaces; ++place) {
      // From an interval's 64th, of which each process has a sample rarely, to four of them: nearly always.
      sizes_.push_back(std::floor(kInterval / 64 * std::pow(256, place / (kPlaces - 1.0))));
      rounding_.push_back(uniform_(random_));
      made_.locations.push_back({place + 1, kNone, 0, 0, false, 0});
      made_.samples.push_back({place, 1, place, 1});
      made_.frames.push_back(place);
      made_.labels.push_back({strings.Intern("bytes"), 0, 0, static_cast<int64_t>(sizes_.back())});
    }
  }

  // A dump of the next process. Code that lies at the same place in each, as that of programs which are
  // linked with -static, rounds alike in each.
  const Profile& Next() {
    made_.values.clear();
    for (size_t place = 0; place < kPlaces; ++place) {
      const double p = -std::expm1(-sizes_[place] / kInterval);
      int samples = 0;
      for (size_t block = 0; block < BlocksAt(place); ++block) samples += uniform_(random_) < p ? 1 : 0;
      const double u = rounding_[place];
      made_.values.push_back(static_cast<int64_t>(samples / p + u));
      made_.values.push_back(static_cast<int64_t>(samples / p * sizes_[place] + u));
    }
    return made_;
  }
  static size_t BlocksAt(size_t place) { return 1 + place % 3; }
  double size(size_t place) const { return sizes_[place]; }

 private:
  Profile made_;
  std::vector<double> sizes_, rounding_;
  std::mt19937_64 random_{5};
  std::uniform_real_distribution<double> uniform_;
};

// With HEAPPROF_SOAK=10 of ten thousand.
TEST(Merge, LimitsOfASumHoldTheTruthAtTheirRate) {
  const char* const soak = std::getenv("HEAPPROF_SOAK");
  const int files = 1000 * std::max(1, soak != nullptr ? std::atoi(soak) : 1);
  Fleet fleet;
  Merger merger;
  for (int i = 0; i < files; ++i) merger.Add(fleet.Next());
  const Profile sum = merger.Finish();
  ASSERT_EQ(sum.samples.size(), Fleet::kPlaces);
  for (const size_t type : {0, 1}) {
    const Estimator estimator(sum, type);
    Uncertainty all;
    double total = 0, truth_of_all = 0;
    int held = 0;
    for (size_t place = 0; place < Fleet::kPlaces; ++place) {
      const auto value = static_cast<double>(sum.values_of(place)[type]);
      const double truth =
          files * static_cast<double>(Fleet::BlocksAt(place)) * (type == 0 ? 1 : fleet.size(place));
      Uncertainty uncertainty;
      uncertainty.Add(estimator.Of(place));
      const ConfidenceLimits limits = uncertainty.Limits(value);
      held += limits.low <= truth && truth <= limits.high ? 1 : 0;
      all.Add(estimator.Of(place));
      total += value;
      truth_of_all += truth;
    }
    // Of 200, 190 are expected, with a standard deviation of 3.1.
    EXPECT_GE(held, 178) << sum.type_name(type);
    RecordProperty(std::string(sum.type_name(type)), held);
    const ConfidenceLimits limits = all.Limits(total);
    EXPECT_LE(limits.low, truth_of_all) << sum.type_name(type);
    EXPECT_GE(limits.high, truth_of_all) << sum.type_name(type);
  }
}

}  // namespace
}  // namespace heapprof::test
