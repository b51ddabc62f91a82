// SPDX-License-Identifier: Apache-2.0
// Stacks of unusual code: as whole as libgcc's, and not longer than they are.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

using Words = std::vector<std::string>;

// The stack of the one block of `size` bytes, its innermost frame first.
Words StackOfSize(const HeapProfile& profile, int64_t size) {
  for (const pb::Sample& sample : profile.proto().sample()) {
    if (sample.value(1) != size || sample.value(0) != 1) continue;
    Words stack = profile.Stack(sample);
    if (!stack.empty() &&
        (stack[0] == "alloc_here" || stack[0] == "alloc_cut" || stack[0] == "alloc_behind_fault"))
      return stack;
  }
  return {};
}

struct Seen {
  int whole = 0, cut = 0, wild = 0;
};

// Runs `program`, and compares its profile with what it printed.
Seen Compare(const std::string& program) {
  ProgramRun run({Program(program)}, "sample_interval=1:dump_at_exit=1");
  ExpectWell(run.Execute());
  const std::vector<HeapProfile> profiles = run.Profiles();
  EXPECT_EQ(profiles.size(), 1u);
  Seen seen;
  if (profiles.empty()) return seen;
  std::istringstream lines(run.result().out);
  std::string word;
  while (lines >> word && word != "OK") {
    int64_t size;
    lines >> size;
    SCOPED_TRACE(size);
    const Words stack = StackOfSize(profiles[0], size);
    if (word == "cut") {
      EXPECT_EQ(stack, (Words{"alloc_cut", "call_without_cfi", "[truncated: code without unwind tables]"}));
      seen.cut++;
    } else {
      size_t frames;
      lines >> frames;
      EXPECT_GE(stack.size(), frames) << (stack.empty() ? "none" : stack.back());
      EXPECT_FALSE(!stack.empty() && stack.back().rfind("[truncated", 0) == 0);
      if (std::count(stack.begin(), stack.end(), "on_fault") != 0) {
        EXPECT_EQ(std::count(stack.begin(), stack.end(), "call_wild"), 1);
        EXPECT_EQ(std::count(stack.begin(), stack.end(), "AllCases"), 1);
        seen.wild++;
      }
      seen.whole++;
    }
  }
  return seen;
}

TEST(OddStacks, InAssembly) {
  const Seen seen = Compare("odd_stacks");
  EXPECT_EQ(seen.whole, 2 * 15);
  EXPECT_EQ(seen.cut, 2 * 3);
  EXPECT_EQ(seen.wild, 2 * 4);
}

TEST(OddStacks, ThroughCodeWhoseTablesAreRegistered) { EXPECT_EQ(Compare("jit_frames").whole, 4 * 2 + 4); }

}  // namespace
}  // namespace heapprof::test
