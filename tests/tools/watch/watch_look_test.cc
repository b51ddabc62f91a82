// SPDX-License-Identifier: Apache-2.0
// What a look reads out of the two profiles.
#include "tools/watch/watch_look.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"
#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

using test::Gzip;
using test::Intern;
using testing::HasSubstr;

// Each cause is a stack, the root last, with resident bytes.
pb::Profile MemoryOf(const std::vector<std::pair<std::vector<std::string>, int64_t>>& causes) {
  pb::Profile profile;
  profile.add_string_table("");
  for (const char* type : {"resident", "mapped"}) {
    pb::ValueType* added = profile.add_sample_type();
    added->set_type(Intern(&profile, type));
    added->set_unit(Intern(&profile, "bytes"));
  }
  uint64_t id = 0;
  for (const auto& [stack, bytes] : causes) {
    pb::Sample* sample = profile.add_sample();
    for (const std::string& name : stack) {
      pb::Function* function = profile.add_function();
      function->set_id(++id);
      function->set_name(Intern(&profile, name));
      pb::Location* location = profile.add_location();
      location->set_id(id);
      location->add_line()->set_function_id(id);
      sample->add_location_id(id);
    }
    sample->add_value(bytes);
    sample->add_value(2 * bytes);
  }
  return profile;
}

class WatchLookTest : public testing::Test {
 protected:
  WatchLook Read(const pb::Profile& memory, const pb::Profile& heap) {
    test::WriteFile(dir_ / "m", Gzip(memory.SerializeAsString()));
    test::WriteFile(dir_ / "h", Gzip(heap.SerializeAsString()));
    return ReadLook(dir_ / "m", dir_ / "h", {});
  }
  test::TempDir dir_;
};

TEST_F(WatchLookTest, CausesAreSummedByTheOuterFrames) {
  const WatchLook look = Read(MemoryOf({{{"main", "[live blocks]", "[heap]"}, 500},
                                        {{"other", "[live blocks]", "[heap]"}, 200},
                                        {{"[dirty]", "[dirty and muzzy pages]", "[heap]"}, 100},
                                        {{"[code]", "libc.so.6", "[files]"}, 150},
                                        {{"[what is new]"}, 50}}),
                              test::MakeProfile());
  EXPECT_EQ(look.resident, 1000);
  std::vector<std::pair<std::string, double>> causes;
  for (const CauseBytes& cause : look.causes) causes.emplace_back(cause.name, cause.bytes);
  EXPECT_THAT(causes, testing::ElementsAre(std::pair("live blocks", 700), std::pair("files", 150),
                                           std::pair("dirty pages", 100), std::pair("other", 50)));
  EXPECT_EQ(LetterOfCause("live blocks"), 'L');
  EXPECT_EQ(LetterOfCause("other"), 'o');
}

// Two entries of one function with a sample each: 2048 bytes in use, and 4096 that were freed. A sample of a
// block of S bytes has the variance w^2 (1 - p) with p = 1 - exp(-S/R) and w = S/p.
TEST_F(WatchLookTest, FunctionsHaveTheirVariances) {
  pb::Profile heap = test::MakeProfile();
  heap.set_period(2048);
  const WatchLook look = Read(MemoryOf({{{"[files]"}, 1}}), heap);
  ASSERT_EQ(look.functions.size(), 1u);
  EXPECT_EQ(look.functions.begin()->first, "Work");
  const FunctionCounts& counts = look.functions.begin()->second;
  EXPECT_EQ(counts.live, 2048);
  EXPECT_EQ(counts.allocated, 6144);
  EXPECT_EQ(look.live, 2048);
  EXPECT_EQ(look.allocated, 6144);
  const double missing = std::exp(-1.0), weight = 2048 / (1 - missing);
  EXPECT_NEAR(counts.allocated_variance, 2 * weight * weight * missing, 1);
  EXPECT_NEAR(counts.freed_variance, weight * weight * missing, 1);
}

TEST_F(WatchLookTest, AtIntervalOneThereIsNoLuck) {
  pb::Profile heap = test::MakeProfile();
  heap.set_period(1);
  const WatchLook look = Read(MemoryOf({{{"[files]"}, 1}}), heap);
  EXPECT_EQ(look.functions.begin()->second.allocated_variance, 0);
  EXPECT_EQ(look.functions.begin()->second.freed_variance, 0);
}

TEST_F(WatchLookTest, WrongKindsAreRefused) {
  try {
    Read(test::MakeProfile(), test::MakeProfile());
    ADD_FAILURE();
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("is no memory profile"));
  }
  const pb::Profile memory = MemoryOf({{{"[files]"}, 1}});
  EXPECT_THROW(Read(memory, memory), Failure);
}

}  // namespace
}  // namespace heapprof::tools
