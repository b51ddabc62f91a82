// SPDX-License-Identifier: Apache-2.0
// The profile "lifetimes" of whole programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;

// What lives, or was freed, by its label.
struct Lives {
  std::map<std::string, int64_t> freed, live;
  int64_t all_freed = 0, all_temporary = 0, all_live = 0;
};

class LifetimeProfile : public TypedProfile {
 public:
  using TypedProfile::TypedProfile;
  // Of the samples with a frame of `function`; "": of all.
  Lives In(const std::string& function) const {
    Lives out;
    for (const pb::Sample& sample : proto().sample()) {
      if (!function.empty() && !HasFrame(sample, function)) continue;
      std::string lifetime;
      bool temporary = false, aged = false;
      for (const pb::Label& label : sample.label()) {
        if (Text(label.key()) == "lifetime") lifetime = Text(label.str());
        temporary |= Text(label.key()) == "temporary" && Text(label.str()) == "yes";
        aged |= Text(label.key()) == "age" && label.num() >= 0 && Text(label.num_unit()) == "nanoseconds";
      }
      EXPECT_NE(lifetime, "");
      EXPECT_EQ(aged, sample.value(2) != 0);
      if (sample.value(0) != 0) out.freed[lifetime] += sample.value(0);
      if (sample.value(2) != 0) out.live[lifetime] += sample.value(2);
      out.all_freed += sample.value(0);
      out.all_live += sample.value(2);
      if (temporary) out.all_temporary += sample.value(0);
    }
    return out;
  }
};

LifetimeProfile Read(const ProgramRun& run, const std::string& name) {
  LifetimeProfile profile(ReadFile(run.dir().path() + "/" + name));
  EXPECT_EQ(profile.error(), "") << name;
  return profile;
}

void ExpectLives(const LifetimeProfile& profile, const std::string& function, int64_t freed,
                 int64_t temporary, int64_t live) {
  const Lives lives = profile.In(function);
  EXPECT_EQ(lives.all_freed, freed) << function;
  EXPECT_EQ(lives.all_temporary, temporary) << function;
  EXPECT_EQ(lives.all_live, live) << function;
}

std::string DecadeOf(double nanos) {
  for (const char* bound : {"<1ms", "<10ms", "<100ms", "<1s", "<10s", "<100s"}) {
    double value = 0;
    char unit[3] = "";
    std::sscanf(bound, "<%lf%2s", &value, unit);
    if (nanos < value * (std::string(unit) == "ms" ? 1e6 : 1e9)) return bound;
  }
  return "more";
}

TEST(Lifetimes, AreExactAtIntervalOneInTheProcessAndInItsChild) {
  ProgramRun run({Program("lives"), "."}, "sample_interval=1:lifetimes=1");
  ExpectWell(run.Execute());
  for (const char* name : {"now", "handler", "parent"}) {
    const LifetimeProfile profile = Read(run, name);
    EXPECT_EQ(profile.Types(), (std::vector<std::string>{"freed_objects/count", "freed_space/bytes",
                                                         "live_objects/count", "live_space/bytes"}));
    EXPECT_EQ(profile.Comment("lifetimes"), "collected");
    ExpectLives(profile, "live_temporary", 100, 100, 0);
    ExpectLives(profile, "live_overlapping", 100, 50, 0);
    ExpectLives(profile, "live_held", 20, 1, 0);
    ExpectLives(profile, "live_forever", 0, 0, 30);
    ExpectLives(profile, "live_resized", 3, 1, 0);
    int64_t handed_over = 0;  // beside what the thread takes
    for (const pb::Sample& sample : profile.proto().sample()) {
      const std::vector<std::string> stack = profile.Stack(sample);
      if (stack.empty() || stack[0] != "live_handed_over" || sample.value(1) != 1000) continue;
      handed_over += sample.value(0);
      EXPECT_EQ(sample.label_size(), 2) << "lifetime and bytes, and not temporary";
    }
    EXPECT_EQ(handed_over, 1);
    double least = 0, most = 0;
    ASSERT_EQ(std::sscanf(run.result().out.c_str(), "held %lf %lf", &least, &most), 2) << run.result().out;
    for (const auto& [lifetime, count] : profile.In("live_held").freed) {
      EXPECT_TRUE(lifetime == DecadeOf(least) || lifetime == DecadeOf(most)) << lifetime << ": " << count;
    }
  }
  ExpectLives(Read(run, "born"), "", 0, 0, Read(run, "born").In("").all_live);
  const LifetimeProfile child = Read(run, "child");
  ExpectLives(child, "live_forever", 10, 0, 20);
  ExpectLives(child, "live_temporary", 100, 100, 0);
  ExpectLives(child, "live_held", 0, 0, 0);
  for (const char* name : {"now.txt", "handler.txt"}) {
    const std::string text = ReadFile(run.dir().path() + "/" + name);
    EXPECT_THAT(text, HasSubstr("lifetimes profile: freed: bytes [live: bytes] @\n# collected\n"));
    EXPECT_THAT(text, HasSubstr("100: 100000 [0: 0] @"));
    EXPECT_THAT(text, HasSubstr("\n# freed, temporary <1ms "));
  }
}

TEST(Lifetimes, AreNotCollectedUnlessAskedFor) {
  ProgramRun run({Program("lives"), "."}, "sample_interval=1");
  ExpectWell(run.Execute());
  const LifetimeProfile profile = Read(run, "now");
  EXPECT_EQ(profile.proto().sample_size(), 0);
  EXPECT_THAT(profile.Comment("lifetimes"), HasSubstr("not collected; HEAPPROF_OPTIONS=lifetimes=1 does"));
}

TEST(Lifetimes, TotalsStayRightUnderTheMetadataLimit) {
  ProgramRun run({Program("lives"), ".", "stacks"}, "sample_interval=1:metadata_limit=1m:lifetimes=1");
  ExpectWell(run.Execute());
  const LifetimeProfile profile = Read(run, "stacks");
  EXPECT_GT(std::stoll(profile.Comment("lost-samples")), 0);
  const Lives lives = profile.In("");
  EXPECT_GE(lives.all_freed, 40000);
  EXPECT_LE(lives.all_freed + lives.all_live, 40000 + 200);
}

TEST(Lifetimes, AreExactOfThreadsThatWorkWhileProfilesAreWritten) {
  ProgramRun run({Program("lives"), ".", "threads"}, "sample_interval=1:lifetimes=1");
  ExpectWell(run.Execute());
  ExpectLives(Read(run, "threads"), "live_in_threads", 80000, 80000, 0);
  const Lives meanwhile = Read(run, "meanwhile").In("live_in_threads");
  EXPECT_EQ(meanwhile.all_temporary, meanwhile.all_freed);
}

TEST(Lifetimes, BlocksOfAModuleThatIsGoneKeepItsName) {
  ProgramRun run({Program("lives"), ".", "module", PLUGIN}, "sample_interval=1:lifetimes=1");
  ExpectWell(run.Execute());
  ExpectLives(Read(run, "module"), "plugin_alloc", 10, 10, 1);
}

// The kernel takes the processor's counter from it, too, by which the vDSO tells the time.
TEST(Lifetimes, AProgramInSeccompsStrictModeLivesOn) {
  ProgramRun run({STRICT}, "sample_interval=1:lifetimes=1");
  ExpectWell(run.Execute());
}

TEST(Lifetimes, AreWrittenAtTheEndBesideTheHeap) {
  ProgramRun run({Program("lives"), "."}, "lifetimes=1:dump_at_exit=1:output=end.%n:sample_interval=1");
  ExpectWell(run.Execute());
  ExpectLives(Read(run, "end.0001.lifetimes.pb.gz"), "live_held", 20, 1, 0);
  EXPECT_EQ(Read(run, "end.0001.heap.pb.gz").Comment("lifetimes"), "");
}

}  // namespace
}  // namespace heapprof::test
