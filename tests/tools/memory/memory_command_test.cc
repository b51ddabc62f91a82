// SPDX-License-Identifier: Apache-2.0
// `heapprof memory` and its neighbours on profiles that are made: what they print for people, and what they
// refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::Not;

// One stack of live blocks: a vector's growth in `caller`, called by main.
pb::Profile MemoryOf(const std::string& caller,
                     const std::vector<std::string>& causes = {"[live blocks]", "[heap]"}) {
  pb::Profile profile = MakeProfile();
  profile.clear_sample_type();
  profile.clear_default_sample_type();
  profile.clear_location();
  profile.clear_function();
  profile.clear_sample();
  profile.clear_drop_frames();
  for (const char* type : {"resident", "mapped"}) {
    pb::ValueType* added = profile.add_sample_type();
    added->set_type(Intern(&profile, type));
    added->set_unit(Intern(&profile, "bytes"));
  }
  profile.add_comment(Intern(&profile, "pid: 7"));
  pb::Sample* sample = profile.add_sample();
  uint64_t id = 0;
  std::vector<std::string> frames = {
      std::string("std::__new_allocator<char>::allocate(unsigned long, void const*)"),
      std::string(
          "std::vector<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >, "
          "std::allocator<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > "
          "> "
          ">::reserve(unsigned long)"),
      caller, std::string("main")};
  frames.insert(frames.end(), causes.begin(), causes.end());
  for (const std::string& name : frames) {
    pb::Function* function = profile.add_function();
    function->set_id(++id);
    function->set_name(Intern(&profile, name));
    pb::Location* location = profile.add_location();
    location->set_id(id);
    location->add_line()->set_function_id(id);
    if (name[0] != '[') location->set_address(0x1000 + id);
    sample->add_location_id(id);
  }
  sample->add_value(3 << 20);
  sample->add_value(4 << 20);
  return profile;
}

Result Command(const pb::Profile& profile, std::vector<std::string> words) {
  TempDir dir;
  WriteFile(dir / "p.pb.gz", Gzip(profile.SerializeAsString()));
  words.push_back(dir / "p.pb.gz");
  words.emplace_back("--no-symbolize");
  return RunCommand(words);
}

size_t WidestLine(const std::string& text) {
  std::istringstream lines(text);
  size_t widest = 0;
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, line.size());
  return widest;
}

TEST(MemoryCommand, LiveBlocksStandAtTheFunctionThatAPersonCanChange) {
  const pb::Profile profile = MemoryOf("Cache::Fill(std::vector<int, std::allocator<int> > const&)");
  const Result result = Command(profile, {"memory"});
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_THAT(result.out, HasSubstr("      Cache::Fill\n"));
  EXPECT_THAT(result.out, HasSubstr("1 wrapper folded: std::vector"));
  EXPECT_THAT(result.out, Not(HasSubstr("reserve")));
  EXPECT_THAT(Command(profile, {"memory", "--unfold"}).out,
              HasSubstr("std::__new_allocator<char>::allocate\n"));
}

TEST(MemoryCommand, WhatWasMappedStandsAtItsFunctionHoweverItsStackEnds) {
  const std::vector<std::string> causes[] = {{"[mapped by the program]"},
                                             {"[truncated]", "[mapped by the program]"},
                                             {"[no access]", "[mapped by the program]"}};
  for (const auto& outermost : causes) {
    const Result result = Command(MemoryOf("Pool::Grow()", outermost), {"memory"});
    EXPECT_EQ(result.exit_status, 0) << result.Describe();
    const std::string indent(outermost[0] == "[no access]" ? 4 : 2, ' ');
    EXPECT_THAT(result.out, HasSubstr("  " + indent + "Pool::Grow\n"));
    EXPECT_THAT(result.out, Not(HasSubstr("main")));
    EXPECT_THAT(result.out, Not(HasSubstr("[truncated]")));
  }
}

TEST(MemoryCommand, LinesFitThePage) {
  const std::string longest = "Outer" + std::string(150, 'x') + "::Fill";
  EXPECT_LE(WidestLine(Command(MemoryOf(longest), {"memory"}).out), 100U);
}

TEST(MemoryCommand, WrongKindsAreNamedWithTheFile) {
  const pb::Profile heap = MakeProfile();
  EXPECT_THAT(Command(heap, {"memory"}).err, HasSubstr("p.pb.gz is no memory profile: "));
  EXPECT_THAT(Command(heap, {"threads"}).err, HasSubstr("p.pb.gz is no profile of threads: "));
  EXPECT_THAT(Command(heap, {"growth"}).err, HasSubstr("p.pb.gz is no profile of growth: "));
}

TEST(MemoryCommand, AWordThatIsNeitherAProcessNorAFileIsCalledSo) {
  for (const char* command : {"memory", "threads"}) {
    const Result result = RunCommand({command, "redis-server"});
    EXPECT_EQ(result.exit_status, 2);
    EXPECT_EQ(result.err,
              "heapprof: 'redis-server' is no process id, a number, and there is no file of that name\n");
  }
}

}  // namespace
}  // namespace heapprof::test
