// SPDX-License-Identifier: Apache-2.0
// Texts of the program's own in profiles: labels beyond number, and names that are no UTF-8. Every file is
// read by code that protoc generated, which takes nothing but UTF-8.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

#define NO_TEXT "\xef\xbf\xbd"  // what stands for a byte that belongs to no text
constexpr char kReplaced[] = "/caf" NO_TEXT " " NO_TEXT NO_TEXT ".so";
// The program's own file, of a name with a letter in Latin-1, a surrogate and an overlong form of "/".
constexpr char kOddProgram[] = "pr\xf6gram \xed\xbf\xbf\xc0\xaf";
constexpr char kReplacedProgram[] = "/pr" NO_TEXT "gram " NO_TEXT NO_TEXT NO_TEXT NO_TEXT NO_TEXT;
constexpr char kReplacedThread[] = NO_TEXT " " NO_TEXT NO_TEXT NO_TEXT NO_TEXT NO_TEXT NO_TEXT NO_TEXT;

template <typename Profile>
void ExpectNamesOfFiles(const Profile& profile, const std::string& wanted) {
  ASSERT_EQ(profile.error(), "");
  bool found = false;
  for (const auto& mapping : profile.proto().mapping()) {
    const std::string& name = profile.Text(mapping.filename());
    EXPECT_EQ(name.find("[string table full]"), std::string::npos);
    const std::string& build_id = profile.Text(mapping.build_id());
    EXPECT_EQ(build_id.find_first_not_of("0123456789abcdef"), std::string::npos) << build_id;
    found = found || (name.size() >= wanted.size() &&
                      name.compare(name.size() - wanted.size(), std::string::npos, wanted) == 0);
  }
  EXPECT_TRUE(found) << wanted;
}

// How many samples have the label.
template <typename Profile>
int Labelled(const Profile& profile, const std::string& key, const std::string& value) {
  int count = 0;
  for (const auto& sample : profile.proto().sample()) {
    for (const auto& label : sample.label()) {
      count += profile.Text(label.key()) == key && profile.Text(label.str()) == value ? 1 : 0;
    }
  }
  return count;
}

template <typename Profile>
bool HasFunction(const Profile& profile, const std::string& name) {
  const auto& functions = profile.proto().function();
  return std::any_of(functions.begin(), functions.end(), [&](const auto& function) {
    return profile.Text(function.name()).find(name) != std::string::npos;
  });
}

TEST(Texts, WhatIsNoUtf8IsRefusedOrReplacedInEveryKindOfProfile) {
  TempDir programs;
  const std::string program = programs / kOddProgram;
  std::filesystem::copy_file(Program("odd_texts"), program);
  ProgramRun run({program, ".", Program("plugin.so")}, "sample_interval=1:contention_interval=1");
  ExpectWell(run.Execute());
  const auto content = [&](const char* kind) {
    return ReadFile(run.dir() / ("odd." + std::string(kind) + ".pb.gz"));
  };
  for (const char* kind : {"heap", "allocs", "peak", "growth", "threadcreate", "threads", "block", "mutex",
                           "memory", "named", "cpu", "wall"}) {
    SCOPED_TRACE(kind);
    const TypedProfile profile(content(kind));
    ExpectNamesOfFiles(profile, kReplaced);
    ASSERT_GT(profile.proto().mapping_size(), 0);
    EXPECT_EQ(profile.Text(profile.proto().mapping(0).filename()), programs.path() + kReplacedProgram);
  }
  for (const char* kind : {"heap", "allocs"}) {
    SCOPED_TRACE(kind);
    const HeapProfile profile = ParseProfile(content(kind));
    EXPECT_EQ(profile.error(), "");
    EXPECT_GT(Labelled(profile, "\xce\xba\xce\xbb\xce\xb5\xce\xb9\xce\xb4\xce\xaf", "caf\xc3\xa9"), 0);
  }
  for (const char* kind : {"named", "cpu", "threadcreate"}) {
    SCOPED_TRACE(kind);
    EXPECT_EQ(CountProfile(content(kind)).error(), "");
  }
  for (const char* kind : {"peak", "threadcreate", "block", "mutex"}) {
    SCOPED_TRACE(kind);
    EXPECT_GT(TypedProfile(content(kind)).proto().sample_size(), 0);
  }
  const TypedProfile named(content("named"));
  EXPECT_EQ(named.Types(), (std::vector<std::string>{"d\xc3\xa9tails/count",
                                                     "amount/pi\xc3\xa8"
                                                     "ces"}));
  EXPECT_EQ(Labelled(TypedProfile(content("threads")), "thread", kReplacedThread), 1);
  const TypedProfile memory(content("memory"));
  EXPECT_TRUE(HasFunction(memory, kReplaced));
}

TEST(Texts, AnOddPathIsInAReportOfLeaksToo) {
  ProgramRun run({Program("odd_texts"), ".", Program("plugin.so")}, "leak_check=live");
  const int kLeaks = 23;
  ExpectWell(run.Execute(), kLeaks);
  std::vector<std::string> found;
  for (const std::string& name : ListDir(run.dir().path())) {
    if (name.find(".leak.pb.gz") != std::string::npos) found.push_back(name);
  }
  ASSERT_EQ(found.size(), 1u);
  ExpectNamesOfFiles(ReadProfile(run.dir() / found[0]), kReplaced);
}

TEST(Texts, TwentyThousandLabelsAndTheNamesOfFiles) {
  constexpr int kLabels = 20'000;
  ProgramRun run({Program("odd_texts"), "labels", std::to_string(kLabels)}, "sample_interval=1");
  ExpectWell(run.Execute());
  const auto profiles = run.Profiles();
  ASSERT_EQ(profiles.size(), 1u);
  const HeapProfile& profile = profiles[0];
  ExpectNamesOfFiles(profile, "/odd_texts");
  std::set<std::string> values;
  for (const auto& sample : profile.proto().sample()) {
    for (const auto& label : sample.label()) {
      if (profile.Text(label.key()) == "request") values.insert(profile.Text(label.str()));
    }
  }
  EXPECT_EQ(values.size(), static_cast<size_t>(kLabels));
  EXPECT_EQ(values.count("number 0") + values.count("number 19999"), 2u);
  EXPECT_EQ(profile.AtLeaf("alloc_labelled").inuse_objects, kLabels);
}

}  // namespace
}  // namespace heapprof::test
