// SPDX-License-Identifier: Apache-2.0
// Stacks that are not what they seem: coroutines, unwinding, libraries that come and go, small signal stacks.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

class Stacks : public AtInterval {};
INTERVALS(Stacks);

TEST_P(Stacks, SmallCoroutinesWithGuards) {
  auto run = Hazard({Program("coroutines")});
  ExpectRunsWell(run.get());
  const std::vector<HeapProfile> profiles = run->Profiles();
  EXPECT_EQ(profiles.size(), Bare() ? 0u : 56u);  // one in each of 55 coroutines, one at the end
  if (GetParam() == "1" && !profiles.empty()) {
    // 55 coroutines of 20 turns; 4 jumps of 6 blocks and 2 throws of 4 in each; one more jump in main
    EXPECT_EQ(profiles.back().AtLeaf("alloc_in_turn").alloc_objects, 55 * (20 + 4 * 6 + 2 * 4) + 6);
    EXPECT_EQ(profiles.back().AtLeaf("alloc_in_turn").inuse_objects, 0);
  }
}

TEST_P(Stacks, Exceptions) {
  auto run = Hazard({Program("exceptions"), std::to_string(200 * SoakFactor())}, "", 60 * SoakFactor());
  ExpectRunsWell(run.get());
  EXPECT_EQ(run->Profiles().size(), Bare() ? 0u : 1u);
}

TEST_P(Stacks, LibrariesThatComeAndGo) {
  const int rounds = 300 * SoakFactor();
  auto run =
      Hazard({Program("dlopen_loop"), Program("plugin.so"), std::to_string(rounds)}, "", 60 * SoakFactor());
  ExpectRunsWell(run.get());
  EXPECT_EQ(run->Profiles().size(), Bare() ? 0u : static_cast<size_t>(rounds / 50 + 1));
}

// The same while the CPU sampler walks stacks from handlers as often as it can.
TEST_P(Stacks, LibrariesThatComeAndGoUnderTheCpuSampler) {
  const int rounds = 100 * SoakFactor();
  auto run = Hazard({Program("dlopen_loop"), Program("plugin.so"), std::to_string(rounds)},
                    "cpu_at_start=1:cpu_hz=4000", 60 * SoakFactor());
  ExpectRunsWell(run.get());
}

// The second library's code lies where the first's was; each keeps its own name and file.
TEST_P(Stacks, ALibraryThatIsGoneKeepsItsName) {
  auto run =
      Hazard({Program("replaced"), Program("plugin.so"), Program("other_plugin.so")}, "dump_at_exit=1");
  ExpectRunsWell(run.get());
  const std::vector<HeapProfile> profiles = run->Profiles();
  ASSERT_EQ(profiles.size(), Bare() ? 0u : 1u);
  if (GetParam() != "1" || profiles.empty()) return;
  EXPECT_NE(run->result().out.find("same place"), std::string::npos) << "the loader chose another address";
  const Totals first = profiles[0].AtLeaf("plugin_alloc"), second = profiles[0].AtLeaf("other_alloc");
  EXPECT_EQ(first.alloc_objects, 10 + 5 + 5);
  EXPECT_EQ(first.inuse_objects, 10 - 4 + 5 + 5);
  EXPECT_EQ(second.alloc_objects, 7 + 3);
  EXPECT_EQ(second.inuse_objects, 7 + 3);
  // One mapping for all times that the first was there.
  int mappings = 0;
  for (const pb::Mapping& mapping : profiles[0].proto().mapping()) {
    mappings += profiles[0].Text(mapping.filename()) == Program("plugin.so");
  }
  EXPECT_EQ(mappings, 1);
}

// Whose stacks are found again each time, whatever its address is.
TEST_P(Stacks, ALibraryThatComesAndGoesTakesNothingNew) {
  auto run = Hazard({Program("reloaded"), Program("plugin.so")}, "dump_at_exit=1");
  ExpectRunsWell(run.get());
  const std::vector<HeapProfile> profiles = run->Profiles();
  ASSERT_EQ(profiles.size(), Bare() ? 0u : 1u);
  if (GetParam() != "1" || profiles.empty()) return;
  EXPECT_EQ(profiles[0].AtLeaf("plugin_alloc").alloc_objects, 100 * 10);
  int mappings = 0;
  for (const pb::Mapping& mapping : profiles[0].proto().mapping()) {
    mappings += profiles[0].Text(mapping.filename()) == Program("plugin.so");
  }
  EXPECT_EQ(mappings, 1);
}

// What was found of the tables of one library is nothing that another has.
TEST_P(Stacks, LibrariesWithoutAnIndexTakeEachOthersPlace) {
  auto run = Hazard({Program("places"), Program("unindexed_const.so"), Program("unindexed_data.so")},
                    "dump_at_exit=1");
  ExpectRunsWell(run.get());
  const std::vector<HeapProfile> profiles = run->Profiles();
  ASSERT_EQ(profiles.size(), Bare() ? 0u : 1u);
  if (profiles.empty()) return;
  EXPECT_NE(profiles[0].Comments().find("truncated-stacks: 0\n"), std::string::npos)
      << profiles[0].Comments();
  if (GetParam() != "1") return;
  EXPECT_EQ(profiles[0].In("unindexed_alloc").alloc_objects, 20);
  EXPECT_EQ(profiles[0].In("main").alloc_objects, profiles[0].In("_start").alloc_objects);
}

// Such a library would call libc's malloc, whose blocks this free knows nothing of.
TEST_P(Stacks, LibrariesBoundDeeplyShareTheMalloc) {
  auto run =
      Hazard({Program("deep_bind"), Program("plugin.so"), Program("finder/finder.so"), "other_plugin.so"});
  ExpectRunsWell(run.get());
  const std::vector<HeapProfile> profiles = run->Profiles();
  ASSERT_EQ(profiles.size(), Bare() ? 0u : 1u);
  if (GetParam() == "1") {
    EXPECT_EQ(profiles[0].AtLeaf("plugin_alloc").alloc_objects, 40);
  }
}

TEST_P(Stacks, TwoHundredLibrariesWithTls) {
  auto run = Hazard({Program("tls_dlopen")});
  for (int i = 0; i < 200; ++i) {
    const std::string copy = run->dir() / ("plugin" + std::to_string(i) + ".so");
    std::filesystem::copy_file(Program("plugin.so"), copy);
    run->command().argv.push_back(copy);
  }
  ExpectRunsWell(run.get());
  EXPECT_EQ(run->Profiles().size(), Bare() ? 0u : 2u);
}

TEST_P(Stacks, SmallestSignalStack) {
  auto run = Hazard({Program("small_altstack")});
  ExpectRunsWell(run.get());
  EXPECT_EQ(run->Profiles().size(), Bare() ? 0u : 40u);
}

// By painting it. A walk, a record and a dump have to fit where the program thought of malloc alone.
TEST_P(Stacks, LittleOfTheProgramsStackIsUsed) {
  auto run = Hazard({Program("stack_use")});
  ExpectRunsWell(run.get());
  EXPECT_EQ(run->Profiles().size(), Bare() ? 0u : 3u);
}

TEST_P(Stacks, SmallestSignalStackAndFailingDumps) {
  auto run = Hazard({Program("small_altstack")}, "output=/nowhere/at/all.%n");
  if (Bare()) run->command().env.clear();
  ExpectWell(run->Execute());  // errno stays, though each dump fails and says so
  EXPECT_EQ(run->Said().size(), Bare() ? 0u : 40u) << run->result().err;
}

}  // namespace
}  // namespace heapprof::test
