// SPDX-License-Identifier: Apache-2.0
// Texts of the program's own in profiles: labels beyond number, and names that are no UTF-8. Every file is
// read by code that protoc generated, which takes nothing but UTF-8.
#include <gtest/gtest.h>

#include <set>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

constexpr char kReplaced[] = "/caf\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd.so";

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

TEST(Texts, WhatIsNoUtf8IsRefusedOrReplacedInEveryKindOfProfile) {
  ProgramRun run({Program("odd_texts"), ".", Program("plugin.so")}, "sample_interval=1");
  ExpectWell(run.Execute());
  for (const char* kind : {"heap", "allocs"}) {
    SCOPED_TRACE(kind);
    ExpectNamesOfFiles(ReadProfile(run.dir() / (std::string("odd.") + kind + ".pb.gz")), kReplaced);
  }
  for (const char* kind : {"named", "cpu", "threadcreate"}) {
    SCOPED_TRACE(kind);
    const CountProfile profile(ReadFile(run.dir() / (std::string("odd.") + kind + ".pb.gz")));
    ExpectNamesOfFiles(profile, kReplaced);
  }
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
