// SPDX-License-Identifier: Apache-2.0
// `heapprof diff` on profiles whose difference is known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr double kInterval = 524288;

class Diff : public testing::Test {
 protected:
  Diff() {
    base_ = MakeProfile();
    base_.clear_sample();
    base_.clear_location();
    base_.clear_function();
    base_.set_period(static_cast<int64_t>(kInterval));
    uint64_t id = 0;
    for (const char* name : {"main", "Steady", "Leaky"}) {
      pb::Function* function = base_.add_function();
      function->set_id(++id);
      function->set_name(Intern(&base_, name));
      pb::Location* location = base_.add_location();
      location->set_id(id);
      location->set_mapping_id(1);
      location->set_address(0x400000 + id);
      location->add_line()->set_function_id(id);
    }
    now_ = base_;
  }

  // `allocated` and `live` samples of blocks of `size` bytes.
  static void Add(pb::Profile* profile, uint64_t function, int64_t size, int allocated, int live) {
    pb::Sample* sample = profile->add_sample();
    sample->add_location_id(function);
    sample->add_location_id(1);
    const double weight = 1 / -std::expm1(-static_cast<double>(size) / kInterval);
    for (const int count : {allocated, live}) {
      sample->add_value(std::lround(count * weight));
      sample->add_value(std::lround(count * weight * static_cast<double>(size)));
    }
    pb::Label* label = sample->add_label();
    label->set_key(Intern(profile, "bytes"));
    label->set_num(size);
  }

  static void SetProcess(pb::Profile* profile, const char* pid) {
    profile->add_comment(Intern(profile, std::string("pid: ") + pid));
    profile->add_comment(Intern(profile, "start-time: 2026-11-21T16:35:27Z"));
  }

  Result Run(std::vector<std::string> words) {
    WriteFile(dir_ / "base", base_.SerializeAsString());
    WriteFile(dir_ / "new", now_.SerializeAsString());
    words.insert(words.begin(), "diff");
    words.insert(words.end(), {dir_ / "base", dir_ / "new"});
    return RunCommand(words);
  }

  TempDir dir_;
  pb::Profile base_, now_;
};

TEST_F(Diff, OfTwoProcessesCallsALeakGrowthAndTheRestNoise) {
  Add(&base_, 2, 1024, 200, 200);
  Add(&now_, 2, 1024, 215, 215);
  Add(&now_, 3, 2048, 20, 20);
  const Result result = Run({"--fail-on-growth"});
  EXPECT_EQ(result.exit_status, 1) << result.Describe();
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("two processes: both counts are uncertain"));
  EXPECT_THAT(result.out,
              testing::ContainsRegex("\\+10.0 MiB +\\+10.0 MiB \\[.*\\] +10.0 MiB  grew p 1e-06 +Leaky\n"));
  EXPECT_THAT(result.out, testing::ContainsRegex("\\+7.5 MiB \\[.*noise p 0.* Steady\n"));
  EXPECT_THAT(result.out, HasSubstr("\ngrowth: 1 function, 1 stack\n"));
  EXPECT_THAT(result.out, HasSubstr("            Leaky\n            main\n"));
  // More than that much growth is not sure.
  EXPECT_EQ(Run({"--fail-on-growth=5m"}).exit_status, 1);
  const Result more = Run({"--fail-on-growth=8m"});
  EXPECT_EQ(more.exit_status, 0);
  EXPECT_THAT(more.out, HasSubstr("no significant growth of 8.0 MiB or more\n"));
  // Without the option the answer is no status.
  EXPECT_EQ(Run({}).exit_status, 0);
}

TEST_F(Diff, TwoFunctionsOfOneNameAreTwoRows) {
  for (pb::Profile* profile : {&base_, &now_}) {
    for (const int function : {1, 2}) {
      profile->mutable_function(function)->set_name(Intern(profile, "grow"));
      profile->mutable_function(function)->set_filename(
          Intern(profile, function == 1 ? "/src/a.c" : "/src/b.c"));
      profile->mutable_function(function)->set_start_line(10 * function);
    }
  }
  Add(&base_, 2, 1024, 400, 400);
  Add(&now_, 3, 1024, 400, 400);
  const std::string out = Run({"--limit", "0"}).out;
  EXPECT_THAT(out, testing::ContainsRegex("shrank p [^ ]* +grow \\(a.c:10\\)\n"));
  EXPECT_THAT(out, testing::ContainsRegex("grew p [^ ]* +grow \\(b.c:20\\)\n"));
  EXPECT_THAT(out, HasSubstr("            grow (/src/b.c:20)\n            main\n"));
  EXPECT_THAT(Run({"--json"}).out, HasSubstr("[\"grow (/src/a.c:10)\"]"));
  // Of another build, in which the lines have moved, the files tell.
  now_.mutable_mapping(0)->set_build_id(Intern(&now_, "another"));
  now_.mutable_function(2)->set_start_line(30);
  EXPECT_THAT(Run({"--json"}).out, HasSubstr("[\"grow (/src/b.c)\"]"));
}

TEST_F(Diff, TellsWhatIsFolded) {
  for (pb::Profile* profile : {&base_, &now_})
    profile->mutable_function(1)->set_name(Intern(profile, "xmalloc"));
  Add(&base_, 2, 1024, 400, 400);
  Add(&now_, 2, 1024, 600, 600);
  EXPECT_THAT(Run({}).out, HasSubstr("\n1 wrapper folded: xmalloc; --unfold shows it\n"));
  EXPECT_THAT(Run({"--unfold"}).out, Not(HasSubstr("folded")));
  EXPECT_THAT(Run({"--json"}).out, HasSubstr(", \"folded\": [\"xmalloc\"],\n"));
}

// Their callers grew as much: they are not what is looked for.
TEST_F(Diff, WhatAskedForTheMemoryItselfComesFirst) {
  Add(&now_, 2, 1024, 100, 100);
  Add(&now_, 3, 2048, 400, 400);
  for (pb::Profile* profile : {&base_, &now_}) {
    profile->mutable_function(2)->set_name(Intern(profile, "Leaky(int)"));
  }
  const auto rows = [&](const std::vector<std::string>& options) {
    const std::string out = Run(options).out;
    return out.substr(0, out.find("\n\n"));
  };
  const std::string by_flat = rows({});
  EXPECT_LT(by_flat.find(" Leaky\n"), by_flat.find(" Steady\n"));
  EXPECT_LT(by_flat.find(" Steady\n"), by_flat.find(" main"));
  EXPECT_THAT(by_flat, testing::ContainsRegex("\n        0 B  \\+250.[0-9] MiB .* main"));
  const std::string by_cum = rows({"--cum"});
  EXPECT_LT(by_cum.find(" main"), by_cum.find(" Leaky\n"));
  EXPECT_THAT(rows({"--by", "module"}), testing::ContainsRegex(" /[^ ]*program|\\[program\\]"));
  EXPECT_THAT(Run({"--json"}).out, HasSubstr("\"flat_base\": 0, \"flat_new\": "));
}

TEST_F(Diff, OfOneProcessLooksAtWhatCameAndWentInBetween) {
  Add(&base_, 2, 1024, 200, 200);
  Add(&now_, 2, 1024, 212, 212);
  // Of two processes twelve more of two hundred would be noise; here all others are the same blocks.
  EXPECT_EQ(Run({"--fail-on-growth"}).exit_status, 0);
  SetProcess(&base_, "7");
  SetProcess(&now_, "7");
  const Result same = Run({"--fail-on-growth"});
  EXPECT_EQ(same.exit_status, 1) << same.out;
  EXPECT_THAT(same.out, HasSubstr("two dumps of one process: what came and went in between is uncertain"));
  // As many frees as the growth is: it is noise again.
  now_.clear_sample();
  Add(&now_, 2, 1024, 300, 212);
  EXPECT_EQ(Run({"--fail-on-growth"}).exit_status, 0);
  // Another start of the same pid is another process.
  now_.clear_sample();
  Add(&now_, 2, 1024, 212, 212);
  now_.clear_comment();
  SetProcess(&now_, "8");
  EXPECT_EQ(Run({"--fail-on-growth"}).exit_status, 0);
}

// The profile peak does not tell what was allocated; growth does not either.
TEST_F(Diff, OfAPeakAndAHeapProfileOfOneProcessComparesWhatIsInUse) {
  SetProcess(&base_, "7");
  SetProcess(&now_, "7");
  Add(&base_, 2, 1024, 5, 5);
  Add(&now_, 2, 1024, 400, 400);
  base_.mutable_sample_type(0)->set_type(Intern(&base_, "x"));
  base_.mutable_sample_type(1)->set_type(Intern(&base_, "y"));
  const Result result = Run({"--fail-on-growth"});
  EXPECT_EQ(result.exit_status, 1) << result.Describe();
  EXPECT_THAT(result.out, HasSubstr("Steady"));
  EXPECT_THAT(result.out,
              HasSubstr("one process, no count of what came and went: both counts are uncertain"));
}

// Ten thousand blocks that came and went between the dumps are in neither of them.
TEST_F(Diff, ChurnOfOneProcessHidesNoGrowth) {
  SetProcess(&base_, "7");
  SetProcess(&now_, "7");
  Add(&base_, 2, 1024, 20, 4);
  Add(&now_, 2, 1024, 10050, 34);
  const Result result = Run({"--fail-on-growth"});
  EXPECT_EQ(result.exit_status, 1) << result.out;
}

TEST_F(Diff, FindsStacksWithoutNamesByTheirPlaceInTheFile) {
  for (pb::Profile* profile : {&base_, &now_}) {
    for (pb::Location& location : *profile->mutable_location()) location.clear_line();
    profile->clear_function();
    Add(profile, 2, 1024, 50, 50);
  }
  // The other process has the program elsewhere.
  now_.mutable_mapping(0)->set_memory_start(0x700000);
  now_.mutable_mapping(0)->set_memory_limit(0x800000);
  for (pb::Location& location : *now_.mutable_location()) location.set_address(location.address() + 0x300000);
  const Result result = Run({"--json", "--limit", "0"});
  ASSERT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_THAT(result.out, HasSubstr("{\"frames\": [\"[program]+0x1002\", \"[program]+0x1001\"], \"base\": "));
  EXPECT_THAT(result.out, HasSubstr("\"significant_growth\": false"));
  EXPECT_THAT(result.out, Not(HasSubstr("\"growth\": 2")));
}

TEST_F(Diff, WarnsWhenOneProfileOnlyHasNames) {
  Add(&base_, 2, 1024, 50, 50);
  Add(&now_, 2, 1024, 50, 50);
  EXPECT_EQ(Run({}).err, "");
  for (pb::Location& location : *now_.mutable_location()) location.clear_line();
  // The library's own frame of what it lost has a name and no module.
  pb::Location* lost = now_.add_location();
  lost->set_id(4);
  lost->add_line()->set_function_id(1);
  const Result result = Run({"--no-symbolize"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.err,
            "heapprof: warning: " + (dir_ / "new") +
                " has no names and the other profile has: symbolize it, or their stacks do not match\n");
}

TEST_F(Diff, WithoutSamplingEveryDifferenceCounts) {
  for (pb::Profile* profile : {&base_, &now_}) profile->set_period(1);
  Add(&base_, 2, 1024, 5, 5);
  Add(&now_, 2, 1024, 6, 6);
  const Result result = Run({"--fail-on-growth"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.out, HasSubstr("not sampled: every difference is certain"));
  EXPECT_EQ(Run({"--fail-on-growth=100m"}).exit_status, 0);
}

TEST_F(Diff, WrongRequestsEndInOneLine) {
  Add(&base_, 2, 1024, 5, 5);
  now_.mutable_sample_type(3)->set_type(Intern(&now_, "other"));
  Add(&now_, 2, 1024, 5, 5);
  Result result = Run({});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("new has no sample type inuse_space; it has alloc_objects"));
  result = Run({"--fail-on-growth=much"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err,
            "heapprof: diff: --fail-on-growth: 'much' is no size (a number, with k, m or g); see heapprof "
            "diff --help\n");
  // 2^64 bytes, of which 0 would be left.
  EXPECT_THAT(Run({"--fail-on-growth=17179869184g"}).err, HasSubstr("is no size"));
}

}  // namespace
}  // namespace heapprof::test
