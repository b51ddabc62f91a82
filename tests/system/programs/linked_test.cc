// SPDX-License-Identifier: Apache-2.0
// One program as every linker may lay it out: for larger pages than this machine's, so that there are holes
// between its segments, at a fixed address or not, with a loader or without.
#include <gtest/gtest.h>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

using Words = std::vector<std::string>;

class Linked : public testing::TestWithParam<std::string> {
 protected:
  // The frames of the one stack that allocates in level3.
  Words StackOf(const HeapProfile& profile) {
    Words found;
    for (const pb::Sample& sample : profile.proto().sample()) {
      const Words stack = profile.Stack(sample);
      if (stack.empty() || stack[0] != "level3") continue;
      EXPECT_TRUE(found.empty()) << "a second stack";
      found = stack;
    }
    return found;
  }
  // Links the program with `words`, runs it under the library, or with it inside, and looks at its profile.
  void ExpectWholeStacks(const std::string& object, const Words& words, bool inside = false) {
    std::string line;
    for (const std::string& word : words) line += word + " ";
    SCOPED_TRACE(line);
    ProgramRun run({}, "sample_interval=1:dump_at_exit=1");
    const std::string program = run.dir() / "levels";
    Link(object, words, program);
    run.command().argv = {program};
    if (inside) run.command().env.erase(run.command().env.begin());  // LD_PRELOAD
    ExpectWell(run.Execute());
    EXPECT_TRUE(run.Said().empty()) << run.result().err;
    const std::vector<HeapProfile> profiles = run.Profiles();
    ASSERT_EQ(profiles.size(), 1u);
    const Words stack = StackOf(profiles[0]);
    ASSERT_GE(stack.size(), 5u);
    EXPECT_EQ(Words(stack.begin(), stack.begin() + 4), (Words{"level3", "level2", "level1", "main"}));
    EXPECT_EQ(stack.back(), "_start");
    if (!inside) {
      EXPECT_NE(profiles[0].Comments().find("truncated-stacks: 0\n"), std::string::npos)
          << profiles[0].Comments();
    }
  }
  void Link(const std::string& object, const Words& words, const std::string& program) {
    Command link;
    link.argv = {"gcc", "-fuse-ld=" + GetParam(), object, "-o", program};
    link.argv.insert(link.argv.end(), words.begin(), words.end());
    const Result linked = RunProgram(link);
    ASSERT_TRUE(linked.ok()) << linked.Describe();
  }
  static std::string Pages(const std::string& size) { return "-Wl,-z,max-page-size=" + size; }
};
INSTANTIATE_TEST_SUITE_P(Linkers, Linked, testing::Values("bfd", "gold", "lld", "mold"), IntervalName);

TEST_P(Linked, SegmentsWithHoles) {
  for (const std::string size : {"4096", "16384", "65536", "2097152"}) {
    ExpectWholeStacks(LEVELS_PIE, {"-pie", Pages(size)});
    ExpectWholeStacks(LEVELS_FIXED, {"-no-pie", Pages(size)});
  }
}

// libgcc finds no tables then, unless there is no loader and the start-up code registers them.
TEST_P(Linked, NoIndexOfTheTables) {
  for (const std::string size : {"4096", "2097152"}) {
    ExpectWholeStacks(LEVELS_PIE, {"-pie", "-Wl,--no-eh-frame-hdr", Pages(size)});
    ExpectWholeStacks(LEVELS_FIXED, {"-no-pie", "-Wl,--no-eh-frame-hdr", Pages(size)});
    ExpectWholeStacks(LEVELS_FIXED,
                      {LIBRARY_ARCHIVE, "-static", "-Wl,--no-eh-frame-hdr", Pages(size), "-lstdc++", "-lm"},
                      true);
  }
}

TEST_P(Linked, SegmentsWithHolesAndNoLoader) {
  for (const std::string size : {"4096", "2097152"}) {
    const Words library = {LIBRARY_ARCHIVE, "-Wl,--eh-frame-hdr", Pages(size), "-lstdc++", "-lm"};
    Words fixed = library, movable = library;
    fixed.push_back("-static");
    movable.push_back("-static-pie");
    ExpectWholeStacks(LEVELS_FIXED, fixed, true);
    if (GetParam() != "gold") ExpectWholeStacks(LEVELS_PIE, movable, true);  // gold knows no -static-pie
  }
}

// Code in anonymous pages is still the file's, in every kind of profile, and in a leak report.
TEST_P(Linked, CodeMovedToAnonymousPages) {
  for (const std::string size : {"4096", "2097152"}) {
    TempDir built;
    const std::string program = built / "remapped";
    Link(REMAPPED_PIE, {"-pie", Pages(size)}, program);
    for (const std::string part : {"text", "page", "image", "file"}) {
      if (part == "image" && size != "4096") continue;  // there are holes
      SCOPED_TRACE(size + " " + part);
      ProgramRun run({program, part},
                     "sample_interval=1:dump_at_exit=1:cpu_at_start=1:cpu_hz=1000:leak_check=unreachable");
      ExpectWell(run.Execute(), 23);
      EXPECT_NE(run.result().err.find(" in lose "), std::string::npos) << run.result().err;
      EXPECT_NE(run.result().err.find(" in main "), std::string::npos) << run.result().err;
      ASSERT_EQ(run.ProfileCount(), 1u);
      const HeapProfile heap = ReadProfile(FindProfiles(run.dir().path())[0]);
      ASSERT_EQ(heap.error(), "");
      for (const char* function : {"before", "after", "lose"}) {
        EXPECT_EQ(heap.AtLeaf(function).alloc_objects, 1) << function;
      }
      EXPECT_EQ(heap.In("main").alloc_objects, heap.In("_start").alloc_objects);
      int ticks = 0;
      for (const std::string& file : ListDir(run.dir().path())) {
        if (file.find(".cpu.pb.gz") == std::string::npos) continue;
        const CountProfile cpu(ReadFile(run.dir() / file));
        ASSERT_EQ(cpu.error(), "");
        EXPECT_GE(cpu.AtLeaf("burn"), cpu.Total() * 8 / 10);
        ticks += static_cast<int>(cpu.AtLeaf("burn"));
      }
      EXPECT_GT(ticks, 10);
    }
  }
}

}  // namespace
}  // namespace heapprof::test
