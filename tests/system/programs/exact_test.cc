// SPDX-License-Identifier: Apache-2.0
// At interval 1 every number is exact, in functions known by name; above, estimates stay within what they
// must.
#include <gtest/gtest.h>
#include <stdio.h>

#include <set>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

TEST(Exact, EveryBlockIsCounted) {
  ProgramRun run({Program("exact")}, "sample_interval=1");
  ExpectWell(run.Execute());
  const std::vector<HeapProfile> profiles = run.Profiles();
  ASSERT_EQ(profiles.size(), 2u);  // by call and by signal
  for (const HeapProfile& profile : profiles) {
    const Totals a{100, 100 * 37, 60, 60 * 37}, b{50, 50000, 25, 25000};
    const Totals c{40, 20 * 3500, 20, 20 * 1500}, d{1000, 64000, 500, 32000};
    const Totals e{30, 30 * 26, 30, 30 * 26}, f{10, 3000, 9, 2700};
    EXPECT_EQ(profile.AtLeaf("alloc_a"), a);
    EXPECT_EQ(profile.AtLeaf("alloc_b"), b);
    EXPECT_EQ(profile.AtLeaf("alloc_c"), c);
    EXPECT_EQ(profile.AtLeaf("alloc_d"), d);
    EXPECT_EQ(profile.In("alloc_e"), e);
    EXPECT_EQ(profile.AtLeaf("alloc_e"), Totals{});  // strdup of libc is the leaf
    EXPECT_EQ(profile.AtLeaf("alloc_f"), f);
    EXPECT_EQ(profile.proto().period(), 1);
  }
}

// A stack begins at the caller of malloc. Further down the library may stand by its pthread_create alone,
// which stands between the program and libc's.
TEST(Exact, NoFrameOfTheLibraryItself) {
  ProgramRun run({Program("exact")}, "sample_interval=1");
  ExpectWell(run.Execute());
  for (const HeapProfile& profile : run.Profiles()) {
    std::set<uint64_t> ours;
    for (const pb::Mapping& mapping : profile.proto().mapping()) {
      if (profile.Text(mapping.filename()).find("libheapprof") != std::string::npos)
        ours.insert(mapping.id());
    }
    EXPECT_FALSE(ours.empty());
    std::set<uint64_t> locations;
    for (const pb::Location& location : profile.proto().location()) {
      if (ours.count(location.mapping_id()) != 0) locations.insert(location.id());
    }
    for (const pb::Sample& sample : profile.proto().sample()) {
      const std::vector<std::string> stack = profile.Stack(sample);
      ASSERT_EQ(stack.size(), static_cast<size_t>(sample.location_id_size()));  // nothing is inlined here
      EXPECT_EQ(locations.count(sample.location_id(0)), 0u) << stack[0];
      for (int i = 0; i < sample.location_id_size(); ++i) {
        if (locations.count(sample.location_id(i)) == 0) continue;
        EXPECT_EQ(stack[static_cast<size_t>(i)], "pthread_create");
      }
    }
  }
}

TEST(Exact, FirstMappingIsTheProgramAndHasABuildId) {
  ProgramRun run({Program("exact")}, "sample_interval=1");
  ExpectWell(run.Execute());
  const std::vector<HeapProfile> profiles = run.Profiles();
  ASSERT_FALSE(profiles.empty());
  const pb::Mapping& first = profiles[0].proto().mapping(0);
  EXPECT_EQ(profiles[0].Text(first.filename()), Program("exact"));
  const std::string& build_id = profiles[0].Text(first.build_id());
  EXPECT_EQ(build_id.size(), 40u);
  EXPECT_EQ(build_id.find_first_not_of("0123456789abcdef"), std::string::npos) << build_id;
}

TEST(Exact, IntervalZeroSamplesNothing) {
  ProgramRun run({Program("exact")}, "sample_interval=0");
  ExpectWell(run.Execute());
  const std::vector<HeapProfile> profiles = run.Profiles();
  ASSERT_EQ(profiles.size(), 2u);
  for (const HeapProfile& profile : profiles) EXPECT_EQ(profile.proto().sample_size(), 0);
}

// The sum over a profile does not lose what found no room of its own.
TEST(Exact, TotalsAreKeptAtTheMetadataLimit) {
  ProgramRun run({Program("many_stacks"), "15", "before.pb.gz", "after.pb.gz"},
                 "sample_interval=1:metadata_limit=2m");
  ExpectWell(run.Execute());
  long blocks = 0, bytes = 0, metadata = 0;
  ASSERT_EQ(sscanf(run.result().out.c_str(), "blocks %ld bytes %ld metadata %ld", &blocks, &bytes, &metadata),
            3);
  EXPECT_LE(metadata, 2 << 20);
  const HeapProfile before = ReadProfile(run.dir() / "before.pb.gz");
  const HeapProfile after = ReadProfile(run.dir() / "after.pb.gz");
  ASSERT_EQ(before.error(), "");
  ASSERT_EQ(after.error(), "");
  EXPECT_EQ(after.Total().alloc_objects - before.Total().alloc_objects, blocks);
  EXPECT_EQ(after.Total().alloc_space - before.Total().alloc_space, bytes);
  const Totals overflow = after.In("[heapprof: metadata limit reached]");
  EXPECT_GT(overflow.alloc_objects, 0);
  EXPECT_LT(overflow.alloc_objects, blocks);
}

// With room enough the same program has a stack for every block.
TEST(Exact, NoOverflowWithinTheLimit) {
  ProgramRun run({Program("many_stacks"), "15", "before.pb.gz", "after.pb.gz"}, "sample_interval=1");
  ExpectWell(run.Execute());
  const HeapProfile after = ReadProfile(run.dir() / "after.pb.gz");
  ASSERT_EQ(after.error(), "");
  EXPECT_EQ(after.In("[heapprof: metadata limit reached]"), Totals{});
  EXPECT_EQ(after.In("main").alloc_objects, 4 << 15);
  EXPECT_EQ(after.In("main").inuse_objects, 2 << 15);
}

}  // namespace
}  // namespace heapprof::test
