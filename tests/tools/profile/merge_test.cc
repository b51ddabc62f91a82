// SPDX-License-Identifier: Apache-2.0
// `heapprof merge`: sums, and what may not be summed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/profile.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;

HeapProfile MergeAll(const TempDir& dir, std::vector<std::string> files) {
  files.insert(files.begin(), "merge");
  files.insert(files.end(), {"-o", dir / "sum"});
  const Result result = RunCommand(files);
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_EQ(result.err, "");
  return ReadProfile(dir / "sum");
}

TEST(Merge, AddsValuesOfEqualStacksAndLabels) {
  TempDir dir;
  pb::Profile made = MakeProfile();
  WriteFile(dir / "a", made.SerializeAsString());
  made.mutable_sample(1)->mutable_label(0)->set_num(4096);  // another size is another sample
  made.add_comment(Intern(&made, "only here: 1"));
  WriteFile(dir / "b", Gzip(made.SerializeAsString()));
  const HeapProfile sum = MergeAll(dir, {dir / "a", dir / "b", dir / "b"});
  ASSERT_EQ(sum.error(), "");
  EXPECT_EQ(sum.Total(), (Totals{9, 3 * 6144, 3, 3 * 2048}));
  EXPECT_EQ(sum.proto().sample_size(), 2 + 1 - 1);
  EXPECT_EQ(sum.proto().location_size(), 2);
  EXPECT_EQ(sum.proto().function_size(), 1);
  EXPECT_EQ(sum.proto().mapping_size(), 1);
  EXPECT_EQ(sum.Comments(), "lost samples: 3\nmerged-files: 3\n");
  EXPECT_EQ(sum.Text(sum.proto().drop_frames()), "malloc|calloc");
  EXPECT_EQ(sum.Text(sum.proto().default_sample_type()), "inuse_space");
}

// protobuf writes what is no UTF-8, and does not read it.
TEST(Merge, WritesUtf8WhateverItsInputHas) {
  TempDir dir;
  pb::Profile made = MakeProfile();
  made.add_comment(Intern(&made, "caf\xe9 \xed\xa0\x80 \xc2\x85 \xe2\x82\xac"));
  WriteFile(dir / "a", made.SerializeAsString());
  const HeapProfile sum = MergeAll(dir, {dir / "a", dir / "a"});
  ASSERT_EQ(sum.error(), "");
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_THAT(sum.Comments(),
              HasSubstr("caf" + mark + " " + mark + mark + mark + " \xc2\x85 \xe2\x82\xac\n"));
}

TEST(Merge, KnowsABinaryThatWasMappedElsewhere) {
  TempDir dir;
  pb::Profile made = MakeProfile();
  WriteFile(dir / "a", made.SerializeAsString());
  made.mutable_mapping(0)->set_memory_start(0x900000);
  made.mutable_mapping(0)->set_memory_limit(0xa00000);
  for (pb::Location& location : *made.mutable_location()) location.set_address(location.address() + 0x500000);
  WriteFile(dir / "b", made.SerializeAsString());
  HeapProfile sum = MergeAll(dir, {dir / "a", dir / "b"});
  EXPECT_EQ(sum.proto().mapping_size(), 1);
  EXPECT_EQ(sum.proto().location_size(), 2);
  EXPECT_EQ(sum.proto().location(0).address(), 0x401001u);
  // With another build id it is another binary.
  made.mutable_mapping(0)->set_build_id(Intern(&made, "77"));
  WriteFile(dir / "b", made.SerializeAsString());
  sum = MergeAll(dir, {dir / "a", dir / "b"});
  EXPECT_EQ(sum.proto().mapping_size(), 2);
  EXPECT_EQ(sum.proto().location_size(), 4);
}

TEST(Merge, OfManyFilesTakesNoMoreMemoryThanOfAFew) {
  TempDir dir;
  pb::Profile made = MakeProfile();
  const pb::Sample sample = made.sample(0);
  for (int64_t size = 1; size < 2000; ++size) {
    *made.add_sample() = sample;
    made.mutable_sample(made.sample_size() - 1)->mutable_label(0)->set_num(size);
  }
  WriteFile(dir / "a", Gzip(made.SerializeAsString()));
  const auto run = [&](int count) {
    Command command;
    command.argv = {"/bin/sh", "-c",       "ulimit -v 300000; exec \"$@\"", "sh", HEAPPROF_COMMAND, "merge",
                    "-o",      dir / "sum"};
    for (int i = 0; i < count; ++i) command.argv.push_back(dir / "a");
    return RunProgram(command);
  };
  EXPECT_TRUE(run(2).ok());
  const Result many = run(1000);
  EXPECT_TRUE(many.ok()) << many.Describe();
  EXPECT_EQ(ReadProfile(dir / "sum").proto().sample_size(), 2000);
}

TEST(Merge, RefusesProfilesOfAnotherKind) {
  TempDir dir;
  pb::Profile made = MakeProfile();
  WriteFile(dir / "a", made.SerializeAsString());
  made.set_period(1024);
  WriteFile(dir / "b", made.SerializeAsString());
  made.mutable_sample_type(0)->set_type(Intern(&made, "cpu"));
  WriteFile(dir / "c", made.SerializeAsString());
  Result result = RunCommand({"merge", dir / "a", dir / "b", "-o", dir / "sum"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: " + (dir / "b") +
                            " has the period 1024 space/bytes, the files before it 524288 space/bytes\n");
  result = RunCommand({"merge", dir / "a", dir / "c", "-o", dir / "sum"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("c has the sample types cpu/count, "));
  result = RunCommand({"merge", dir / "a", dir / "none", "-o", dir / "sum"});
  EXPECT_EQ(result.err, "heapprof: " + (dir / "none") + ": No such file or directory\n");
  EXPECT_EQ(ListDir(dir.path()).size(), 3u) << "a sum, or a piece of it, was left";
}

}  // namespace
}  // namespace heapprof::test
