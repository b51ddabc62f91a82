// SPDX-License-Identifier: Apache-2.0
// Who mapped what: the stacks under [mapped by the program] and [shared memory].
#include "tests/system/over_time/memory_profile.h"
#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

constexpr char kMapped[] = "[mapped by the program]", kShared[] = "[shared memory]";

class Mappings : public testing::Test {
 protected:
  MemoryProfile Run(const std::string& shape, const std::string& options = "") {
    result_ = RunProgram({{Program("mappings"), shape, dir_ / "memory"},
                          {{"HEAPPROF_OPTIONS", "seed=7" + (options.empty() ? "" : ":" + options)}},
                          dir_.path(),
                          60,
                          nullptr});
    ExpectWell(result_);
    EXPECT_EQ(result_.err, "");
    MemoryProfile profile(ReadFile(dir_ / "memory"));
    profile.ExpectWhole();
    return profile;
  }
  static void ExpectMiB(const MemoryProfile::Bytes& bytes, double resident, double mapped) {
    constexpr double kMiB = 1 << 20;
    EXPECT_NEAR(static_cast<double>(bytes.resident) / kMiB, resident, 0.01);
    EXPECT_NEAR(static_cast<double>(bytes.mapped) / kMiB, mapped, 0.01);
  }

  TempDir dir_;
  Result result_;
};

TEST_F(Mappings, PartsAreWhoseTheyAre) {
  const MemoryProfile profile = Run("parts");
  ExpectMiB(profile.In({kMapped}, "MapsWhole"), 8, 8);
  ExpectMiB(profile.In({kMapped}, "MapsOver"), 4, 4);
  ExpectMiB(profile.In({kMapped}, "MapsSmall"), 2, 2);
  ExpectMiB(profile.In({kMapped}, "Grows"), 8, 24);
  ExpectMiB(profile.In({kMapped, "[no access]"}, "Reserves"), 0, 64);
  // Nothing of note is left without a stack, and no frame is the library's.
  EXPECT_LT(profile.Of({kMapped, "[before heapprof, or unseen]"}).resident, 256 << 10);
  EXPECT_EQ(profile.In({kMapped}, "Mmap").mapped, 0);
  EXPECT_EQ(profile.In({kMapped}, "main").resident, 22 << 20);
}

TEST_F(Mappings, SharedMemoryAndTheBreakHaveStacksToo) {
  const MemoryProfile profile = Run("others");
  ExpectMiB(profile.In({kShared}, "Attaches"), 4, 4);
  ExpectMiB(profile.In({kShared}, "MapsShared"), 2, 4);
  ExpectMiB(profile.In({kMapped, "[brk]"}, "RaisesBreak"), 2, 2);
}

TEST_F(Mappings, ThreadsLoseNoneOfTheirCalls) {
  const MemoryProfile profile = Run("threads");
  for (const char* function : {"First", "Second", "Third", "Fourth"}) {
    SCOPED_TRACE(function);
    ExpectMiB(profile.In({kMapped}, function), 1, 1);
  }
  EXPECT_EQ(profile.Comment("mapping-calls-lost"), -1);
}

TEST_F(Mappings, AreReadInAHandlerThatHasInterruptedACall) {
  ExpectMiB(Run("handler").In({kMapped}, "MapsWhole"), 16, 16);
}

TEST_F(Mappings, ChildrenOfForkGoOnWithTheirOwn) {
  ExpectMiB(Run("children").In({kMapped}, "MapsWhole"), 16, 16);
  const MemoryProfile child(ReadFile(dir_ / "memory.child"));
  child.ExpectWhole();
  ExpectMiB(child.In({kMapped}, "MapsWhole"), 16, 16);
  ExpectMiB(child.In({kMapped}, "MapsSmall"), 8, 8);
}

TEST_F(Mappings, ManyAreKept) {
  const MemoryProfile profile = Run("many");
  // Of each 1,024 pages the first half is gone, but for the last ones.
  const auto even = profile.In({kMapped}, "MapsEven"), odd = profile.In({kMapped}, "MapsOdd");
  EXPECT_EQ(even.resident, odd.resident);
  EXPECT_EQ(even.resident + odd.resident, (30'000 - 29 * 512) * 4096);
}

TEST_F(Mappings, WithoutMemoryForItTheSumsStay) {
  const MemoryProfile profile = Run("many", "metadata_limit=1M");
  EXPECT_GT(profile.Comment("mapping-calls-lost"), 0);
  const int64_t known =
      profile.In({kMapped}, "MapsEven").resident + profile.In({kMapped}, "MapsOdd").resident;
  EXPECT_LT(known, (30'000 - 29 * 512) * 4096);
  EXPECT_GE(profile.Of({kMapped}).resident, (30'000 - 29 * 512) * 4096);
}

TEST_F(Mappings, OffNoSlotIsChanged) {
  const MemoryProfile off = Run("off", "mapping_stacks=0");
  EXPECT_NE(result_.out.find("slot libc's\n"), std::string::npos) << result_.out;
  EXPECT_EQ(off.In({kMapped}, "MapsWhole").mapped, 0);
  EXPECT_GE(off.Of({kMapped, "[without a name]"}).resident, 16 << 20);
  const MemoryProfile on = Run("off");
  EXPECT_NE(result_.out.find("slot a wrapper\n"), std::string::npos) << result_.out;
  ExpectMiB(on.In({kMapped}, "MapsWhole"), 16, 16);
}

}  // namespace
}  // namespace heapprof::test
