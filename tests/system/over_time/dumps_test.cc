// SPDX-License-Identifier: Apache-2.0
// Dumps that options ask for: after so many bytes, at new peaks, and as time goes by.
#include <gtest/gtest.h>
#include <signal.h>

#include <map>

#include "base/cgroup_limits.h"
#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

bool Ends(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

TEST(Dumps, OneAfterEachMiBAllocated) {
  ProgramRun run({Program("dumps"), "allocated"}, "sample_interval=1:dump_every_allocated=1m");
  ExpectWell(run.Execute());
  EXPECT_EQ(run.Profiles().size(), 10u);
}

TEST(Dumps, SampledTheyComeAboutAsOften) {
  ProgramRun run({Program("dumps"), "allocated"}, "sample_interval=64k:dump_every_allocated=2m:seed=3");
  ExpectWell(run.Execute());
  EXPECT_EQ(run.Profiles().size(), 5u);  // blocks of 1 MiB are samples for certain
}

TEST(Dumps, OfAPeakThatComesAgainThereIsOneOnly) {
  ProgramRun run({Program("dumps"), "growth"}, "sample_interval=1:dump_on_growth=1m");
  ExpectWell(run.Execute());
  const std::vector<HeapProfile> profiles = run.Profiles();
  ASSERT_EQ(profiles.size(), 5u);
  for (size_t i = 0; i < profiles.size(); ++i)
    EXPECT_EQ(profiles[i].Total().inuse_space >> 20, static_cast<int64_t>(i) + 1);
}

TEST(Dumps, AsTimeGoesByWithoutAThread) {
  ProgramRun run({Program("dumps"), "every"}, "sample_interval=1:dump_every=10ms");
  ExpectWell(run.Execute());
  EXPECT_GE(run.Profiles().size(), 3u);
}

TEST(Dumps, TheNewestAreKept) {
  ProgramRun run({Program("dumps"), "allocated"}, "sample_interval=1:dump_every_allocated=1m:keep_dumps=3");
  ExpectWell(run.Execute());
  std::vector<std::string> files = FindProfiles(run.dir().path());
  ASSERT_EQ(files.size(), 3u);
  EXPECT_TRUE(Ends(files[0], ".0008.heap.pb.gz")) << files[0];
  EXPECT_TRUE(Ends(files[2], ".0010.heap.pb.gz")) << files[2];
  ProgramRun one({Program("dumps"), "allocated"},
                 "sample_interval=1:dump_every_allocated=1m:keep_dumps=3:output=same.%p");
  ExpectWell(one.Execute());
  EXPECT_EQ(FindProfiles(one.dir().path()).size(), 1u) << "a pattern without a number";
}

TEST(Dumps, AChildCountsFromItsOwnStart) {
  ProgramRun run({Program("dumps"), "child"}, "sample_interval=1:dump_every_allocated=1m");
  ExpectWell(run.Execute());
  EXPECT_EQ(run.Profiles().size(), 2u);
}

// A child, and a peak that is looked for anew, begin with what is in use then.
TEST(Dumps, GrowthBeginsAnewWithThePeak) {
  ProgramRun run({Program("dumps"), "lower"}, "sample_interval=1:dump_on_growth=1m");
  ExpectWell(run.Execute());
  EXPECT_EQ(run.Profiles().size(), 5u + 3 + 3);
}

// Memory does not rise by a block that there is no room for, so a program may be refused many.
TEST(Dumps, OneForManyRefusals) {
  ProgramRun run({Program("dumps"), "probing"}, "sample_interval=1:dump_at_memory=100m");
  ExpectWell(run.Execute());
  EXPECT_EQ(run.Profiles().size(), 1u);
}

TEST(Dumps, OptionsChangeAsItRuns) {
  ProgramRun run({Program("dumps"), "live"}, "sample_interval=1");
  ExpectWell(run.Execute());
  const std::vector<std::string> files = FindProfiles(run.dir().path());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(Ends(files[0], ".0006.heap.pb.gz")) << files[0];
}

// Every file is whole, and the process' own are no more than the most that were to be kept.
TEST(Dumps, BesideThreadsAndChangesOfOptions) {
  ProgramRun run({Program("dumps"), "beside", std::to_string(2'000 * SoakFactor())},
                 "sample_interval=1:output=d.%n.%p", 60 * SoakFactor());
  ExpectWell(run.Execute());
  EXPECT_FALSE(run.Profiles().empty());
  std::map<std::string, int> of_process;
  for (const std::string& file : FindProfiles(run.dir().path())) {
    const size_t number = file.rfind("/d.") + 3, pid = file.find('.', number) + 1;
    ++of_process[file.substr(pid, file.find('.', pid) - pid)];
  }
  for (const auto& [pid, files] : of_process) EXPECT_LE(files, 4) << pid;
}

TEST(Dumps, OneForEachTimeThatMemoryRises) {
  ProgramRun run({Program("dumps"), "twice"}, "dump_at_memory=48m");
  ExpectWell(run.Execute());
  EXPECT_EQ(run.Profiles().size(), 2u);
  ProgramRun low({Program("dumps"), "twice"}, "dump_at_memory=1m");
  ExpectWell(low.Execute());
  EXPECT_EQ(low.Profiles().size(), 1u) << "it never falls below";
  ProgramRun high({Program("dumps"), "twice"}, "dump_at_memory=1g");
  ExpectWell(high.Execute());
  EXPECT_EQ(high.ProfileCount(), 0u);
}

TEST(Dumps, SharesOfWhatThereIsAreToldOf) {
  ProgramRun run({Program("dumps"), "twice"}, "dump_at_memory=50%:verbose=1");
  ExpectWell(run.Execute());
  EXPECT_NE(run.result().err.find(", dump_at_memory=" + std::to_string(MemoryLimit() / 100 * 50)),
            std::string::npos)
      << run.result().err;
}

// The file is complete before the program can touch what would be too much.
class KilledAtMemory : public testing::TestWithParam<const char*> {};

TEST_P(KilledAtMemory, TheDumpIsComplete) {
  for (const char* interval : {"1", "512k"}) {
    ProgramRun run({Program("dumps"), GetParam()},
                   std::string("dump_at_memory=60m:sample_interval=") + interval);
    EXPECT_EQ(run.Execute().signal, SIGKILL) << run.result().Describe();
    EXPECT_EQ(run.Profiles().size(), 1u) << interval;
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, KilledAtMemory, testing::Values("killed", "limited", "refused", "resized"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace heapprof::test
