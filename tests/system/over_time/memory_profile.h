// SPDX-License-Identifier: Apache-2.0
// The profile `memory` as tests see it: bytes by the causes that its outermost frames name.
#ifndef HEAPPROF_TESTS_SYSTEM_OVER_TIME_MEMORY_PROFILE_H_
#define HEAPPROF_TESTS_SYSTEM_OVER_TIME_MEMORY_PROFILE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/profile.h"

namespace heapprof::test {

class MemoryProfile : public AnyProfile {
 public:
  struct Bytes {
    int64_t resident = 0, mapped = 0;
  };

  explicit MemoryProfile(const std::string& compressed) {
    Parse(compressed);
    if (error_.empty()) NameLocations();
  }

  // Of the samples whose stack, from the root, begins so; all, if nothing is named.
  Bytes Of(const std::vector<std::string>& causes) const {
    Bytes sum;
    for (const pb::Sample& sample : proto_.sample()) {
      std::vector<std::string> stack = Stack(sample);
      std::reverse(stack.begin(), stack.end());
      if (stack.size() < causes.size() || !std::equal(causes.begin(), causes.end(), stack.begin())) continue;
      sum.resident += sample.value(0);
      sum.mapped += sample.value(1);
    }
    return sum;
  }
  // Of the samples that have a frame of this name, too.
  Bytes In(const std::vector<std::string>& causes, const std::string& function) const {
    Bytes sum;
    for (const pb::Sample& sample : proto_.sample()) {
      std::vector<std::string> stack = Stack(sample);
      std::reverse(stack.begin(), stack.end());
      if (stack.size() < causes.size() || !std::equal(causes.begin(), causes.end(), stack.begin())) continue;
      if (std::find(stack.begin(), stack.end(), function) == stack.end()) continue;
      sum.resident += sample.value(0);
      sum.mapped += sample.value(1);
    }
    return sum;
  }
  int64_t Comment(const std::string& key) const {
    const std::string all = "\n" + Comments();
    const size_t at = all.find("\n" + key + ": ");
    return at == std::string::npos ? -1 : std::stoll(all.substr(at + key.size() + 3));
  }

  // The promise: the sum is VmRSS, and what is not explained stays under 2 %.
  void ExpectWhole() const {
    ASSERT_EQ(error(), "");
    ASSERT_EQ(proto_.sample_type_size(), 2);
    EXPECT_EQ(Text(proto_.sample_type(0).type()), "resident");
    EXPECT_EQ(Text(proto_.sample_type(1).type()), "mapped");
    const auto rss = static_cast<double>(Comment("vm-rss"));
    ASSERT_GT(rss, 0);
    EXPECT_NEAR(static_cast<double>(Of({}).resident) / rss, 1, 0.02);
    EXPECT_LT(static_cast<double>(Of({"[not explained]"}).resident) / rss, 0.02);
    EXPECT_NEAR(static_cast<double>(Of({}).mapped) / static_cast<double>(Comment("vm-size")), 1, 0.02);
  }
};

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SYSTEM_OVER_TIME_MEMORY_PROFILE_H_
