// SPDX-License-Identifier: Apache-2.0
// `heapprof lifetimes` on profiles that are made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class LifetimesCommand : public testing::Test {
 protected:
  LifetimesCommand() {
    profile_.set_period(1);
    profile_.clear_sample_type();
    profile_.clear_default_sample_type();
    profile_.clear_sample();
    profile_.clear_location();
    profile_.clear_function();
    profile_.clear_drop_frames();
    AddType("freed_objects", "count");
    AddType("freed_space", "bytes");
    AddType("live_objects", "count");
    AddType("live_space", "bytes");
    for (const char* name : {"main", "Quick", "Slow", "Serve"}) AddFunction(name);
  }
  void AddType(const char* type, const char* unit) {
    pb::ValueType* added = profile_.add_sample_type();
    added->set_type(Intern(&profile_, type));
    added->set_unit(Intern(&profile_, unit));
  }
  void AddFunction(const char* name) {
    pb::Function* function = profile_.add_function();
    function->set_id(static_cast<uint64_t>(profile_.function_size()));
    function->set_name(Intern(&profile_, name));
    pb::Location* location = profile_.add_location();
    location->set_id(function->id());
    location->add_line()->set_function_id(function->id());
  }
  pb::Sample* Add(std::vector<uint64_t> stack, const char* lifetime) {
    pb::Sample* sample = profile_.add_sample();
    for (uint64_t id : stack) sample->add_location_id(id);
    AddText(sample, "lifetime", lifetime);
    return sample;
  }
  void AddText(pb::Sample* sample, const char* key, const char* text) {
    pb::Label* label = sample->add_label();
    label->set_key(Intern(&profile_, key));
    label->set_str(Intern(&profile_, text));
  }
  void Freed(std::vector<uint64_t> stack, const char* lifetime, int64_t objects, int64_t bytes,
             bool temporary = false) {
    pb::Sample* sample = Add(stack, lifetime);
    for (int64_t value : {objects, bytes, int64_t{0}, int64_t{0}}) sample->add_value(value);
    if (temporary) AddText(sample, "temporary", "yes");
  }
  void Live(std::vector<uint64_t> stack, const char* age, int64_t objects, int64_t bytes, int64_t nanos) {
    pb::Sample* sample = Add(stack, age);
    for (int64_t value : {int64_t{0}, int64_t{0}, objects, bytes}) sample->add_value(value);
    pb::Label* label = sample->add_label();
    label->set_key(Intern(&profile_, "age"));
    label->set_num(nanos);
    label->set_num_unit(Intern(&profile_, "nanoseconds"));
  }
  Result Run(std::vector<std::string> words = {}, const char* comment = "lifetimes: collected") {
    profile_.add_comment(Intern(&profile_, comment));
    WriteFile(dir_ / "p.pb.gz", Gzip(profile_.SerializeAsString()));
    words.insert(words.begin(), {"lifetimes", dir_ / "p.pb.gz", "--no-symbolize"});
    return RunCommand(words);
  }

  TempDir dir_;
  pb::Profile profile_ = MakeProfile();
};

constexpr uint64_t kMain = 1, kQuick = 2, kSlow = 3, kServe = 4;

TEST_F(LifetimesCommand, ShowsEachStackTheLargestFirst) {
  Freed({kQuick, kServe, kMain}, "<1ms", 60, 6144, true);
  Freed({kQuick, kServe, kMain}, "<1ms", 20, 2048);
  Freed({kQuick, kServe, kMain}, "<10s", 20, 2048);
  Freed({kQuick, kMain}, "<1ms", 1, 512);
  Live({kSlow, kServe, kMain}, "<100s", 3, 3 << 20, 20'000'000'000);
  Live({kSlow, kServe, kMain}, "<1000s", 1, 1 << 20, 540'000'000'000);
  const Result result = Run();
  ASSERT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_THAT(result.out,
              HasSubstr("\nfreed 10.5 KiB in 101 blocks, 57% temporary, at the age of <1ms 81%, <10s 19%\n"
                        "live 4.0 MiB in 4 blocks, mean age 2.5 min, <100s 75%, <1000s 25%\n"));
  const size_t slow = result.out.find(
      "       0 B        ..........    4.0 MiB   2.5 min  Slow\n"
      "      Serve\n      main\n");
  const size_t quick = result.out.find(
      "  10.0 KiB   60%  8...2.....        0 B            Quick\n"
      "      Serve\n      main\n");
  ASSERT_NE(slow, std::string::npos) << result.out;
  ASSERT_NE(quick, std::string::npos) << result.out;
  EXPECT_LT(slow, quick);
  EXPECT_LT(quick, result.out.find("     512 B    0%  X........."));
}

TEST_F(LifetimesCommand, HasARowForEachFunctionWhereAskedFor) {
  Freed({kQuick, kServe, kMain}, "<1ms", 10, 1024);
  Freed({kQuick, kMain}, "<100ms", 10, 1024);
  const Result result = Run({"--by", "function"});
  EXPECT_THAT(result.out, HasSubstr("   2.0 KiB    0%  5.5.......        0 B            Quick\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("Serve")));
}

TEST_F(LifetimesCommand, ChoosesByTagsAndOrdersByType) {
  Freed({kQuick, kMain}, "<1ms", 10, 4096);
  Freed({kSlow, kMain}, "<1ms", 1000, 1000);
  Freed({kServe, kMain}, "<10ms", 1, 1 << 20);
  const Result result = Run({"--tag", "lifetime=<1ms", "--type", "freed_objects", "--callers", "0"});
  EXPECT_THAT(result.out, Not(HasSubstr("Serve"))) << result.Describe();
  EXPECT_LT(result.out.find("Slow"), result.out.find("Quick"));
}

TEST_F(LifetimesCommand, JsonHasTheSameFigures) {
  Freed({kQuick, kMain}, "<1ms", 6, 600, true);
  Freed({kQuick, kMain}, "unknown", 4, 400);
  Live({kQuick, kMain}, "<10s", 2, 200, 1'500'000'000);
  const Result result = Run({"--json"});
  const char* const figures =
      "\"freed_objects\": 10, \"freed_space\": 1000, \"temporary_objects\": 6, \"temporary_space\": 600, "
      "\"live_objects\": 2, \"live_space\": 200, \"mean_age_seconds\": 1.5, "
      "\"freed_space_by_lifetime\": {\"<1ms\": 600, \"unknown\": 400}, \"live_space_by_age\": {\"<10s\": "
      "200}";
  EXPECT_THAT(result.out, HasSubstr("\"total\": {" + std::string(figures)));
  EXPECT_THAT(result.out, HasSubstr("{\"frames\": [\"Quick\", \"main\"], " + std::string(figures)));
}

TEST_F(LifetimesCommand, RefusesWhatHasNone) {
  Result result = Run({}, "pid: 7");
  EXPECT_EQ(result.exit_status, 2) << result.Describe();
  EXPECT_THAT(result.err, HasSubstr("is no profile of lifetimes: heapprof dump --profile lifetimes PID"));
  result = Run({}, "lifetimes: not collected; HEAPPROF_OPTIONS=lifetimes=1 does");
  EXPECT_EQ(result.exit_status, 2) << result.Describe();
  EXPECT_THAT(result.err, HasSubstr("lifetimes were not collected; HEAPPROF_OPTIONS=lifetimes=1 does"));
}

}  // namespace
}  // namespace heapprof::test
