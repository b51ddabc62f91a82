// SPDX-License-Identifier: Apache-2.0
// The tree of stacks, and how far sampling lets a change scatter.
#include "tools/flame/flame_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"
#include "tools/flame/flame_noise.h"
#include "tools/profile/load.h"

namespace heapprof::tools {
namespace {

using test::Intern;

// Stacks of one-letter functions, the root first: "ab" is a, which called b. Each is one sample of one value.
Profile Load(const std::vector<std::pair<std::string, int64_t>>& stacks) {
  pb::Profile profile;
  profile.add_string_table("");
  profile.add_sample_type()->set_type(Intern(&profile, "samples"));
  for (uint64_t id = 1; id <= 26; ++id) {
    pb::Function* function = profile.add_function();
    function->set_id(id);
    function->set_name(Intern(&profile, std::string(1, static_cast<char>('a' + id - 1))));
    for (const uint64_t line : {0, 100}) {  // two locations of one function
      pb::Location* location = profile.add_location();
      location->set_id(id + line);
      location->add_line()->set_function_id(id);
      location->mutable_line(0)->set_line(static_cast<int64_t>(line));
    }
  }
  bool odd = false;
  for (const auto& [stack, value] : stacks) {
    pb::Sample* sample = profile.add_sample();
    for (size_t i = stack.size(); i-- > 0;) sample->add_location_id(stack[i] - 'a' + 1 + (odd ? 100 : 0));
    sample->add_value(value);
    odd = !odd;
  }
  test::TempDir dir;
  test::WriteFile(dir / "p", profile.SerializeAsString());
  return LoadProfile(dir / "p");
}

// Every node as its path of names, and what stacks that end there hold, sorted. Checks that Preorder is one:
// the nodes between a node and the next one that is not deeper are below it.
std::vector<std::pair<std::string, double>> Describe(const FlameTree& tree) {
  std::vector<std::pair<std::string, double>> out;
  std::map<uint32_t, double> values;
  for (uint32_t stack = 0; stack < tree.stack_count(); ++stack) {
    values[tree.stacks()[stack].node] += tree.figures(0, stack)->value;
  }
  std::string last;
  for (const uint32_t node : tree.Preorder()) {
    std::string path;
    for (uint32_t at = node; at != 0; at = tree.node(at).parent) {
      path = tree.FunctionNames()[tree.node(at).function] + path;
    }
    EXPECT_LE(path.size(), last.size() + 1);
    EXPECT_EQ(path.substr(0, path.size() - 1), last.substr(0, path.size() - 1));
    last = path;
    out.emplace_back(path, values[node]);
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(FlameTree, JoinsStacksOfTheSameFunctions) {
  FlameTree tree(1);
  tree.Add(Load({{"abc", 5}, {"abc", 7}, {"ab", 1}, {"ad", 2}, {"b", 4}, {"aba", 8}}), {0}, {});
  EXPECT_EQ(Describe(tree), (std::vector<std::pair<std::string, double>>{
                                {"a", 0}, {"ab", 1}, {"aba", 8}, {"abc", 12}, {"ad", 2}, {"b", 4}}));
  EXPECT_EQ(tree.stack_count(), 5u);
}

TEST(FlameTree, GrowsOverManyNodes) {
  std::vector<std::pair<std::string, int64_t>> stacks;
  int64_t sum = 0;
  for (int i = 0; i < 26 * 26 * 26; ++i) {
    const auto letter = [](int n) { return static_cast<char>('a' + n % 26); };
    stacks.push_back({{letter(i / 676), letter(i / 26), letter(i)}, i});
    sum += i;
  }
  FlameTree tree(1);
  tree.Add(Load(stacks), {0}, {});
  EXPECT_EQ(tree.node_count(), 26u + 676u + 17576u);
  double total = 0;
  for (const auto& [path, value] : Describe(tree)) total += value;
  EXPECT_EQ(total, static_cast<double>(sum));
}

TEST(FlameTree, KeepsBaseAndNewApart) {
  FlameTree tree(1);
  tree.Add(Load({{"ab", 5}, {"ac", 1}}), {0}, {});
  FlameTree::Part base;
  base.is_base = true;
  tree.Add(Load({{"ab", 3}, {"ad", 2}}), {0}, base);
  ASSERT_EQ(tree.stack_count(), 3u);
  EXPECT_EQ(tree.figures(0, 0)->value, 5);
  EXPECT_EQ(tree.figures(0, 0)->base, 3);
  EXPECT_EQ(tree.figures(0, 1)->base, 0);
  EXPECT_EQ(tree.figures(0, 2)->value, 0);
  EXPECT_EQ(tree.figures(0, 2)->base, 2);
}

struct Place {
  std::string file;
  int64_t line, value;
};

// A profile with functions that are all called "f".
Profile LoadSameNames(const std::vector<Place>& places) {
  pb::Profile profile;
  for (const char* text : {"", "inuse_space", "bytes", "f"}) profile.add_string_table(text);
  profile.add_sample_type()->set_type(1);
  profile.mutable_sample_type(0)->set_unit(2);
  for (const Place& place : places) {
    pb::Function* function = profile.add_function();
    const auto id = static_cast<uint64_t>(profile.function_size());
    function->set_id(id);
    function->set_name(3);
    function->set_filename(profile.string_table_size());
    function->set_start_line(place.line);
    profile.add_string_table(place.file);
    pb::Location* location = profile.add_location();
    location->set_id(id);
    location->add_line()->set_function_id(id);
    pb::Sample* sample = profile.add_sample();
    sample->add_location_id(id);
    sample->add_value(place.value);
  }
  test::TempDir dir;
  test::WriteFile(dir / "p", profile.SerializeAsString());
  return LoadProfile(dir / "p");
}

// What was the only one of its name in one profile is found in the other, though that has two; lines move.
TEST(FlameTree, FunctionsOfOneNameAreFoundAgain) {
  const auto compared = [](const std::vector<Place>& now, const std::vector<Place>& before) {
    FlameTree tree(1);
    tree.Add(LoadSameNames(now), {0}, {});
    FlameTree::Part base;
    base.is_base = true;
    tree.Add(LoadSameNames(before), {0}, base);
    std::string out;
    for (uint32_t stack = 0; stack < tree.stack_count(); ++stack) {
      const StackFigures* figures = tree.figures(0, stack);
      out += tree.FunctionNames()[tree.node(tree.stacks()[stack].node).function] + " " +
             std::to_string(static_cast<int>(figures->base)) + " to " +
             std::to_string(static_cast<int>(figures->value)) + "; ";
    }
    return out;
  };
  EXPECT_EQ(compared({{"a.c", 10, 5}, {"b.c", 20, 1}}, {{"a.c", 10, 4}}),
            "f (a.c:10) 4 to 5; f (b.c:20) 0 to 1; ");
  EXPECT_EQ(compared({{"a.c", 10, 5}}, {{"a.c", 10, 4}, {"b.c", 20, 1}}),
            "f (a.c:10) 4 to 5; f (b.c:20) 1 to 0; ");
  EXPECT_EQ(compared({{"a.c", 12, 5}, {"b.c", 20, 1}}, {{"b.c", 21, 2}, {"a.c", 10, 4}}),
            "f (a.c:12) 4 to 5; f (b.c:20) 2 to 1; ");
  EXPECT_EQ(compared({{"new.c", 12, 5}}, {{"old.c", 10, 4}}), "f 4 to 5; ");
  EXPECT_EQ(compared({{"a.c", 12, 5}}, {{"a.c", 10, 4}, {"a.c", 20, 1}}),
            "f (a.c:12) 4 to 5; f (a.c:20) 1 to 0; ");
}

// Three blocks of 2048 bytes at 512 KiB: the variance is count w (1 - p), that of the estimate.
TEST(FlameTree, KnowsTheVarianceOfSampledStacks) {
  test::TempDir dir;
  test::WriteFile(dir / "p", test::MakeProfile().SerializeAsString());
  const Profile profile = LoadProfile(dir / "p");
  FlameTree tree(4);
  tree.Add(profile, {0, 1, 2, 3}, {});
  const double p = -std::expm1(-2048.0 / 524288);
  ASSERT_EQ(tree.stack_count(), 1u);
  const double objects = 3 * (1 - p) / p, bytes = 2048.0 * 2048 * objects;
  EXPECT_NEAR(tree.figures(0, 0)[0].variance / objects, 1, 1e-9);
  EXPECT_NEAR(tree.figures(0, 0)[1].variance / bytes, 1, 1e-9);
}

TEST(ChangeNoise, AddsUpForTwoProcesses) {
  const StackFigures figures[] = {{10, 4, 9, 16}, {8, 2, 5, 7}};
  const ChangeNoise noise({"alloc_space", "inuse_space"}, false);
  EXPECT_EQ(noise.Of(figures, 0).variance, 25);
  EXPECT_EQ(noise.Of(figures, 0).moved, 14);
  EXPECT_EQ(noise.Of(figures, 1).variance, 12);
}

// Of one process only what was allocated in between (14 - 4) and freed in between ((14 - 10) - (4 - 3))
// varies.
TEST(ChangeNoise, IsThatOfTheGrowthForOneProcess) {
  const StackFigures figures[] = {{0, 0, 14, 4}, {0, 0, 10, 3}};
  const ChangeNoise noise({"alloc_space", "inuse_space"}, true);
  EXPECT_EQ(noise.Of(figures, 0).variance, 10);
  EXPECT_EQ(noise.Of(figures, 1).variance, 10 + 3);
}

// What came and went in between is in neither dump.
TEST(ChangeNoise, DoesNotCountWhatDidNotStay) {
  const StackFigures figures[] = {{0, 0, 1000, 4}, {0, 0, 5, 0}};
  const ChangeNoise noise({"alloc_space", "inuse_space"}, true);
  EXPECT_EQ(noise.Of(figures, 1).variance, 5);
  // What was in use at first may all have been replaced.
  const StackFigures replaced[] = {{0, 0, 1000, 4}, {0, 0, 5, 4}};
  EXPECT_EQ(noise.Of(replaced, 1).variance, 5 + 4);
}

TEST(ChangeNoise, IsNothingWhereNothingHappened) {
  const StackFigures figures[] = {{10, 10, 9, 9}, {8, 8, 5, 5}};
  const ChangeNoise noise({"alloc_objects", "inuse_objects"}, true);
  EXPECT_EQ(noise.Of(figures, 0).variance, 0);
  EXPECT_EQ(noise.Of(figures, 1).variance, 0);
}

TEST(ChangeNoise, TellsProcessesByTheirComments) {
  const auto load = [](const std::vector<std::string>& comments) {
    pb::Profile profile = test::MakeProfile();
    for (const std::string& comment : comments) profile.add_comment(Intern(&profile, comment));
    test::TempDir dir;
    test::WriteFile(dir / "p", profile.SerializeAsString());
    return LoadProfile(dir / "p");
  };
  const Profile first = load({"pid: 7", "start-time: a"});
  EXPECT_TRUE(AreOfOneProcess(first, load({"pid: 7", "start-time: a"})));
  EXPECT_FALSE(AreOfOneProcess(first, load({"pid: 7", "start-time: b"})));
  EXPECT_FALSE(AreOfOneProcess(first, load({"pid: 8", "start-time: a"})));
  EXPECT_FALSE(AreOfOneProcess(load({}), load({})));
}

}  // namespace
}  // namespace heapprof::tools
