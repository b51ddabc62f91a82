// SPDX-License-Identifier: Apache-2.0
// The profile `memory` of programs whose memory is known.
#include "tests/system/over_time/memory_profile.h"
#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

constexpr double kMiB = 1 << 20;

class Memory : public testing::Test {
 protected:
  MemoryProfile Run(const std::string& shape, const std::string& interval = "512k") {
    result_ = RunProgram({{Program("memory_shapes"), shape, dir_ / "memory"},
                          {{"HEAPPROF_OPTIONS", "seed=7:sample_interval=" + interval}},
                          dir_.path(),
                          60,
                          nullptr});
    ExpectWell(result_);
    MemoryProfile profile(ReadFile(dir_ / "memory"));
    profile.ExpectWhole();
    return profile;
  }
  static double MiB(int64_t bytes) { return static_cast<double>(bytes) / kMiB; }

  TempDir dir_;
  Result result_;
};

TEST_F(Memory, TellsWhatOfABlockWasTouched) {
  for (const char* interval : {"512k", "4k", "1"}) {
    const MemoryProfile profile = Run("blocks", interval);
    const auto large = profile.In({"[heap]", "[live blocks]"}, "AllocateUntouched");
    EXPECT_NEAR(MiB(large.resident), 30, 0.1) << interval;
    EXPECT_NEAR(MiB(large.mapped), 100, 0.1) << interval;
    // 200,000 blocks of 100 bytes in places of 112; the vector is 1.5 MiB.
    const auto small = profile.In({"[heap]", "[live blocks]"}, "AllocateSmall");
    const auto rounding = profile.In({"[heap]", "[rounding to size classes]"}, "AllocateSmall");
    EXPECT_NEAR(MiB(small.resident), 200'000 * 108 / kMiB, 0.7) << interval;
    EXPECT_NEAR(MiB(rounding.resident), 200'000 * 12 / kMiB, 0.4) << interval;
  }
}

TEST_F(Memory, ShowsSlackAsSlabsAndDirtyPages) {
  const MemoryProfile profile = Run("slack");
  EXPECT_NEAR(MiB(profile.Of({"[heap]", "[free in slabs]", "[112-byte blocks]"}).resident),
              200'000 * 112 / kMiB, 1);
  // Each of the large blocks has a page more, in which the allocator moves it about.
  EXPECT_NEAR(MiB(profile.Of({"[heap]", "[dirty and muzzy pages]", "[dirty]"}).resident), 1000 * 68 / 1024.0,
              1);
}

TEST_F(Memory, TellsMappedFromTouched) {
  const MemoryProfile profile = Run("mapped");
  const auto mapped = profile.Of({"[mapped by the program]"});
  EXPECT_NEAR(MiB(mapped.resident), 128, 1);
  EXPECT_NEAR(MiB(mapped.mapped), 10240, 40);
}

// The least of three, in 4 KiB pages.
TEST_F(Memory, OfTenGibibytesIsWrittenInATenthOfASecond) {
  const MemoryProfile profile = Run("mapped1g");
  EXPECT_NEAR(MiB(profile.Of({"[mapped by the program]"}).resident), 1024, 1);
  const size_t at = result_.out.find("milliseconds ");
  ASSERT_NE(at, std::string::npos);
  EXPECT_LT(std::stol(result_.out.substr(at + 13)), 100);
}

TEST_F(Memory, CountsHugePagesAndNoZeros) {
  EXPECT_GE(MiB(Run("huge").Of({"[mapped by the program]"}).resident), 16);
  EXPECT_LT(MiB(Run("zeros").Of({"[mapped by the program]"}).resident), 1);
}

TEST_F(Memory, TellsSharedMemoryAndFilesApart) {
  const MemoryProfile profile = Run("shared");
  EXPECT_NEAR(MiB(profile.Of({"[shared memory]"}).resident), 4, 0.1);
  const std::string file = dir_ / "memory.shared";
  EXPECT_NEAR(MiB(profile.Of({"[files]", file, "[page cache]"}).resident), 8, 0.1);
  EXPECT_NEAR(MiB(profile.Of({"[files]", file, "[data]"}).resident), 2, 0.1);
}

TEST_F(Memory, NamesStacksByThreads) {
  const MemoryProfile profile = Run("threads");
  const auto stacks = profile.Of({"[thread stacks]", "worker"});
  EXPECT_GE(stacks.resident, 100 * (64 << 10));
  EXPECT_LT(stacks.resident, 100 * (96 << 10));
  EXPECT_GE(stacks.mapped, int64_t{100} << 20);
  EXPECT_GT(profile.Of({"[thread-local storage]"}).resident, 100 * 4096);
  EXPECT_GT(profile.Of({"[heap]", "[thread caches]"}).resident, 0);
}

TEST_F(Memory, OfAThousandThreads) {
  const MemoryProfile profile = Run("threads1000");
  EXPECT_GE(profile.Of({"[thread stacks]", "worker"}).resident, 1000 * (64 << 10));
  EXPECT_LT(profile.Of({"[thread stacks]", "worker"}).resident, 1000 * (96 << 10));
}

TEST_F(Memory, KnowsAStackThatTheProgramGave) {
  const auto stack = Run("given").Of({"[thread stacks]", "worker"});
  EXPECT_GE(stack.resident, 64 << 10);
  EXPECT_NEAR(MiB(stack.mapped), 8, 0.1);
}

TEST_F(Memory, IsWrittenInAHandlerWhateverWasInterrupted) { Run("handler", "4k"); }

TEST_F(Memory, IsWrittenInAChildOfFork) {
  const MemoryProfile profile = Run("child");
  EXPECT_NEAR(MiB(profile.Of({"[mapped by the program]"}).resident), 16, 1);
  EXPECT_GT(MiB(profile.In({"[heap]", "[live blocks]"}, "AllocateSmall").resident), 7);
}

TEST_F(Memory, UnderAFilterAsksInTheNextWay) {
  const char* const ways[] = {"pagemap", "mincore"};
  Run("filtered");
  for (int i = 0; i < 2; ++i) {
    const MemoryProfile profile(ReadFile(dir_ / ("memory" + std::to_string(i))));
    profile.ExpectWhole();
    EXPECT_NE(profile.Comments().find(std::string("resident-pages-from: ") + ways[i] + "\n"),
              std::string::npos)
        << profile.Comments();
    EXPECT_GT(MiB(profile.In({"[heap]", "[live blocks]"}, "AllocateSmall").resident), 7);
  }
}

TEST_F(Memory, WithoutMemoryForStacksTheSumsStay) {
  const MemoryProfile profile = Run("blocks", "1:metadata_limit=1m");
  EXPECT_GT(MiB(profile.Of({"[heap]", "[live blocks]"}).resident), 50);
}

TEST_F(Memory, IsShownByTheCommand) {
  Run("blocks");
  const Result shown = RunProgram({{HEAPPROF_COMMAND, "memory", dir_ / "memory"}, {}, "", 60, nullptr});
  ASSERT_TRUE(shown.ok()) << shown.Describe();
  EXPECT_EQ(shown.out.rfind("memory of process ", 0), 0u);
  const size_t live = shown.out.find("[live blocks]"), large = shown.out.find("AllocateUntouched");
  ASSERT_NE(live, std::string::npos) << shown.out;
  EXPECT_LT(live, large) << shown.out;
  EXPECT_NE(shown.out.find("100.0 MiB      (anonymous namespace)::AllocateUntouched"), std::string::npos)
      << shown.out;
}

TEST_F(Memory, IsAskedOfARunningProcess) {
  Process process(Under(dir_, {"/bin/sh", "-c", "echo ready; sleep 60; true"}, ""));
  ASSERT_TRUE(process.WaitForOutput("ready")) << process.so_far().Describe();
  const Result shown = RunProgram(
      {{HEAPPROF_COMMAND, "memory", "--no-symbolize", std::to_string(process.pid())}, {}, "", 60, nullptr});
  ASSERT_TRUE(shown.ok()) << shown.Describe();
  EXPECT_NE(shown.out.find("[heap]"), std::string::npos) << shown.out;
  EXPECT_TRUE(ListDir(dir_.path()).empty()) << "the file is taken away";
}

TEST_F(Memory, TextBeginsWithTheTable) {
  const Result result = RunProgram({{Program("memory_shapes"), "text", dir_ / "text"}, {}, "", 60, nullptr});
  ExpectWell(result);
  const std::string text = ReadFile(dir_ / "text");
  EXPECT_EQ(text.rfind("memory of ", 0), 0u);
  EXPECT_NE(text.find(" [heap]\n"), std::string::npos) << text.substr(0, 500);
  EXPECT_NE(text.find("[live blocks]\n"), std::string::npos);
  EXPECT_NE(text.find("AllocateUntouched"), std::string::npos);
}

}  // namespace
}  // namespace heapprof::test
