// SPDX-License-Identifier: Apache-2.0
// `heapprof growth` on profiles that are made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::Not;

void AddComment(pb::Profile* profile, const std::string& text) {
  profile->add_comment(Intern(profile, text));
}

// One stack that gained `gained` blocks of 4096 bytes in ten minutes, and freed `freed`, at 512 KiB.
pb::Profile Grown(int64_t gained, int64_t freed, int64_t in_use, int64_t period = 512 << 10) {
  pb::Profile profile = MakeProfile();
  profile.set_period(period);
  profile.clear_sample_type();
  profile.clear_default_sample_type();
  for (const char* type : {"growth_1m", "growth_10m", "growth_1h", "growth_1d", "freed_1m", "freed_10m",
                           "freed_1h", "freed_1d", "inuse_space"}) {
    pb::ValueType* added = profile.add_sample_type();
    added->set_type(Intern(&profile, type));
    added->set_unit(Intern(&profile, "bytes"));
  }
  AddComment(&profile, "pid: 7");
  AddComment(&profile, "start-time: 2026-01-31T23:59:59Z");
  AddComment(&profile, "growth-1m: 75 s");
  AddComment(&profile, "growth-10m: 700 s");
  AddComment(&profile, "growth-1h: 1200 s, since the start");
  AddComment(&profile, "growth-1d: 1200 s, since the start");
  const int64_t sample_bytes = period == 1 ? 4096 : 526341;  // 4096 / (1 - exp(-4096 / 512 Ki))
  pb::Sample* sample = profile.mutable_sample(0);
  profile.mutable_sample()->DeleteSubrange(1, profile.sample_size() - 1);
  sample->clear_value();
  for (int64_t value : {int64_t{0}, gained, in_use, in_use, int64_t{0}, freed, freed, freed, in_use})
    sample->add_value(value * sample_bytes);
  sample->clear_label();
  pb::Label* size = sample->add_label();
  size->set_key(Intern(&profile, "bytes"));
  size->set_num(4096);
  size->set_num_unit(Intern(&profile, "bytes"));
  return profile;
}

Result GrowthOf(const pb::Profile& profile, std::vector<std::string> words = {}) {
  TempDir dir;
  WriteFile(dir / "p.pb.gz", Gzip(profile.SerializeAsString()));
  words.insert(words.begin(), {"growth", dir / "p.pb.gz", "--no-symbolize"});
  return RunCommand(words);
}

TEST(Growth, NamesWhatCameAndDidNotGo) {
  const Result result = GrowthOf(Grown(20, 0, 40), {"--fail-on-growth"});
  EXPECT_EQ(result.exit_status, 1) << result.Describe();
  EXPECT_THAT(result.out, HasSubstr("last ten minutes (12 min): +10.0 MiB in all"));
  EXPECT_THAT(result.out, HasSubstr("this stack"));
  EXPECT_THAT(result.out, HasSubstr("last hour: the process is 20 min old"));
}

// The caller of what grew asked for one block itself.
TEST(Growth, AFunctionsFigureIsThatOfItsLimits) {
  pb::Profile profile = Grown(20, 0, 40);
  pb::Sample* const own = profile.add_sample();
  *own = profile.sample(0);
  own->mutable_location_id()->erase(own->location_id().begin());
  for (int64_t& value : *own->mutable_value()) value /= value / 526341 == 40 ? 40 : 20;
  EXPECT_THAT(GrowthOf(profile).out, HasSubstr("\n  +10.5 MiB ["));
  EXPECT_THAT(GrowthOf(profile).out, Not(HasSubstr("+514.0 KiB [")));
  EXPECT_THAT(GrowthOf(profile, {"--json"}).out, Not(HasSubstr("\"growth\": 526341,")));
}

TEST(Growth, DoesNotNameWhatChurnMayHaveDone) {
  const Result result = GrowthOf(Grown(20, 1000, 40), {"--fail-on-growth"});
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_THAT(result.out, HasSubstr("nothing grew for certain"));
  EXPECT_THAT(GrowthOf(Grown(5, 0, 5)).out, HasSubstr("nothing grew for certain")) << "too few to tell";
}

TEST(Growth, WhereAllIsRecordedEveryGrowthIsCertain) {
  const Result result = GrowthOf(Grown(1, 1000, 40, 1));
  EXPECT_THAT(result.out, HasSubstr("+4.0 KiB certain"));
  EXPECT_THAT(result.out, Not(HasSubstr("nothing grew")));
}

TEST(Growth, OfAYoungProcessNothingIsSaid) {
  pb::Profile profile = Grown(20, 0, 40);
  for (std::string& text : *profile.mutable_string_table()) {
    if (text == "growth-1m: 75 s" || text == "growth-10m: 700 s")
      text.insert(text.find(':'), ": 5 s, since the start");
  }
  const Result result = GrowthOf(profile, {"--fail-on-growth"});
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_THAT(result.out, HasSubstr("too young to tell"));
  EXPECT_THAT(result.out, Not(HasSubstr("nothing grew")));
}

TEST(Growth, JsonHasTheSame) {
  const Result result = GrowthOf(Grown(20, 0, 40), {"--json"});
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_THAT(result.out, HasSubstr("\"window\": \"10m\", \"seconds\": 700, \"from_start\": false"));
  EXPECT_THAT(result.out, HasSubstr("\"window\": \"1d\", \"seconds\": 1200, \"from_start\": true}"));
  EXPECT_THAT(result.out, HasSubstr("\"significant_growth\": true}"));
}

TEST(Growth, AnotherProfileIsRefused) {
  const Result result = GrowthOf(MakeProfile());
  EXPECT_EQ(result.exit_status, 2) << result.Describe();
  EXPECT_THAT(result.err, HasSubstr("is no profile of growth"));
}

}  // namespace
}  // namespace heapprof::test
