// SPDX-License-Identifier: Apache-2.0
// The profile "peak" of whole programs.
#include <gtest/gtest.h>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

TypedProfile Read(const ProgramRun& run, const std::string& name) {
  TypedProfile profile(ReadFile(run.dir().path() + "/" + name));
  EXPECT_EQ(profile.error(), "") << name;
  return profile;
}

void ExpectObjects(const TypedProfile& profile, const std::string& function, int64_t count, int64_t size) {
  EXPECT_EQ(profile.In("inuse_objects", function), count) << function;
  EXPECT_EQ(profile.In("inuse_space", function), count * size) << function;
}

TEST(Peak, IsExactAtIntervalOneInTheProcessAndInItsChild) {
  ProgramRun run({Program("peaks"), "."}, "sample_interval=1");
  ExpectWell(run.Execute());
  for (const char* name : {"rising", "fallen"}) {
    const TypedProfile peak = Read(run, name);
    EXPECT_EQ(peak.Types(), (std::vector<std::string>{"inuse_objects/count", "inuse_space/bytes"}));
    ExpectObjects(peak, "peak_a", 100, 1000);
    ExpectObjects(peak, "peak_b", 50, 2000);
    ExpectObjects(peak, "peak_c", 0, 2000);
    EXPECT_EQ(peak.Comment("peak-time").size(), std::string("2026-01-01T00:00:00Z").size());
    EXPECT_EQ(peak.Comment("peak-since"), "");
  }
  const TypedProfile child = Read(run, "child");
  ExpectObjects(child, "peak_a", 100, 1000);
  ExpectObjects(child, "peak_b", 0, 2000);
  ExpectObjects(child, "peak_c", 20, 2000);
  ExpectObjects(child, "peak_d", 300, 1000);
  EXPECT_NE(child.Comment("peak-since"), "");
  const TypedProfile reset = Read(run, "reset");
  ExpectObjects(reset, "peak_a", 100, 1000);
  ExpectObjects(reset, "peak_b", 0, 2000);
  ExpectObjects(reset, "peak_c", 20, 2000);
  EXPECT_NE(reset.Comment("peak-since"), "");
  const std::string text = ReadFile(run.dir().path() + "/fallen.txt");
  EXPECT_NE(text.find("50: 100000 [50: 100000] @"), std::string::npos) << text;
  EXPECT_NE(text.find("# peak = 2"), std::string::npos);
}

TEST(Peak, TotalsStayRightUnderTheMetadataLimit) {
  ProgramRun run({Program("peaks"), ".", "stacks"}, "sample_interval=1:metadata_limit=1m");
  ExpectWell(run.Execute());
  const TypedProfile peak = Read(run, "stacks");
  // Not all blocks are followed to their free where even the live table is full: those count as never in use.
  const int64_t lost = std::stoll(peak.Comment("lost-samples"));
  EXPECT_GT(lost, 0);
  int64_t in_use = 0;
  for (const pb::Sample& sample : peak.proto().sample()) in_use += sample.value(0);
  EXPECT_GT(in_use, 10000);
  EXPECT_LE(in_use, 40000 + 100);
}

TEST(Peak, IsOfTheProcessNotOfAThread) {
  ProgramRun run({Program("peaks"), ".", "threads"}, "sample_interval=1");
  ExpectWell(run.Execute());
  const TypedProfile peak = Read(run, "threads");
  ExpectObjects(peak, "peak_a", 500, 1000);
  ExpectObjects(peak, "peak_b", 300, 1000);
}

TEST(Peak, OfASawtoothIsTheLastTooth) {
  ProgramRun run({Program("peaks"), ".", "sawtooth"}, "sample_interval=1");
  ExpectWell(run.Execute());
  EXPECT_EQ(Read(run, "sawtooth").In("inuse_objects", "main"), 999 + 101 + 1);  // and room for the addresses
}

}  // namespace
}  // namespace heapprof::test
