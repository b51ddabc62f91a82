// SPDX-License-Identifier: Apache-2.0
// `heapprof merge`: sums, and what may not be summed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/files.h"
#include "tests/support/profile.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

HeapProfile MergeAll(const TempDir& dir, std::vector<std::string> files) {
  files.insert(files.begin(), "merge");
  files.insert(files.end(), {"-o", dir / "sum"});
  const Result result = RunCommand(files);
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_EQ(result.err, "");
  return ReadProfile(dir / "sum");
}

void SetComment(pb::Profile* profile, const std::string& comment) {
  profile->add_comment(Intern(profile, comment));
}

TEST(Merge, AddsValuesOfEqualStacksAndLabels) {
  TempDir dir;
  pb::Profile made = MakeProfile();
  WriteFile(dir / "a", made.SerializeAsString());
  made.mutable_sample(1)->mutable_label(0)->set_num(4096);  // another size is another sample
  made.add_comment(Intern(&made, "only here: 1"));
  WriteFile(dir / "b", Gzip(made.SerializeAsString()));
  const HeapProfile sum = MergeAll(dir, {dir / "a", dir / "b", dir / "b", "--keep-duplicates"});
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
  const HeapProfile sum = MergeAll(dir, {dir / "a", dir / "a", "--keep-duplicates"});
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
    command.argv = {"/bin/sh",
                    "-c",
                    "ulimit -v 120000; exec \"$@\"",
                    "sh",
                    HEAPPROF_COMMAND,
                    "merge",
                    "-o",
                    dir / "sum",
                    "--keep-duplicates"};
    for (int i = 0; i < count; ++i) command.argv.push_back(dir / "a");
    return RunProgram(command);
  };
  EXPECT_TRUE(run(2).ok());
  const Result many = run(400);
  EXPECT_TRUE(many.ok()) << many.Describe();
  EXPECT_EQ(ReadProfile(dir / "sum").proto().sample_size(), 2000);
}

TEST(Merge, LeavesOutWhatIsOfAnotherKindOrCannotBeRead) {
  TempDir dir;
  pb::Profile made = MakeProfile();
  WriteFile(dir / "a", made.SerializeAsString());
  WriteFile(dir / "d", Gzip(made.SerializeAsString()).substr(0, 100));
  SetComment(&made, "other: 1");
  WriteFile(dir / "b", made.SerializeAsString());
  made.set_period(1024);
  WriteFile(dir / "c", made.SerializeAsString());
  made.mutable_sample_type(0)->set_type(Intern(&made, "cpu"));
  WriteFile(dir / "e", made.SerializeAsString());
  const std::string none = dir / "none";
  const Result result =
      RunCommand({"merge", dir / "c", dir / "e", none, dir / "a", dir / "d", dir / "b", "-o", dir / "sum"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("heapprof: " + none + ": No such file or directory\n"));
  EXPECT_THAT(result.err, HasSubstr("heapprof: " + (dir / "c") +
                                    ": has the period 1024 space/bytes, the sum 524288 space/bytes\n"));
  EXPECT_THAT(result.err, HasSubstr("heapprof: " + (dir / "e") + ": has the sample types cpu/count, "));
  EXPECT_THAT(result.err,
              HasSubstr("heapprof: " + (dir / "d") + ": the gzip stream ends early: the file is truncated"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 4) << result.err;
  EXPECT_EQ(ReadProfile(dir / "sum").Total(), (Totals{6, 2 * 6144, 2, 2 * 2048}));
  // The same of a report.
  const Result top = RunCommand({"top", "--unfold", "--json", dir / "a", dir / "d", dir / "b"});
  EXPECT_EQ(top.exit_status, 2);
  EXPECT_THAT(top.out, HasSubstr("\"total\": 4096,"));
}

TEST(Merge, OfNothingThatCanBeReadWritesNothing) {
  TempDir dir;
  WriteFile(dir / "a", "a text");
  const Result result = RunCommand({"merge", dir / "a", dir / "none", "-o", dir / "sum"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("heapprof: none of 2 files can be read\n"));
  EXPECT_EQ(ListDir(dir.path()).size(), 1u) << "a sum, or a piece of it, was left";
}

// A dump of the process `pid` whose code lies at `place`.
std::string Dump(const std::string& pid, uint64_t place, int64_t time, int64_t value, int64_t duration = 0) {
  pb::Profile made = MakeProfile();
  SetComment(&made, "pid: " + pid);
  SetComment(&made, "start-time: 2026-01-31T23:59:59Z");
  made.mutable_mapping(0)->set_memory_start(place);
  made.mutable_mapping(0)->set_memory_limit(place + 0x100000);
  for (pb::Location& location : *made.mutable_location()) location.set_address(place + 0x1001);
  made.set_time_nanos(time);
  made.set_duration_nanos(duration);
  made.mutable_sample(0)->set_value(3, value);
  return made.SerializeAsString();
}

TEST(Merge, OfOneProcessTheNewestDumpCounts) {
  TempDir dir;
  WriteFile(dir / "a1", Dump("1", 0x400000, 10, 1 << 20));
  WriteFile(dir / "a3", Dump("1", 0x400000, 30, 3 << 20));
  WriteFile(dir / "a2", Dump("1", 0x400000, 20, 2 << 20));
  WriteFile(dir / "b1", Dump("1", 0x900000, 10, 100 << 20));  // in another container
  WriteFile(dir / "c1", Dump("2", 0x400000, 10, 200 << 20));
  const std::vector<std::string> files = {dir / "a1", dir / "a3", dir / "a2", dir / "b1", dir / "c1"};
  std::vector<std::string> words = {"merge", "-o", dir / "sum"};
  words.insert(words.end(), files.begin(), files.end());
  Result result = RunCommand(words);
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.err,
            "heapprof: " + (dir / "a2") +
                " and 1 more file: not added, as each is an earlier dump of a process that has a later "
                "one here; --keep-duplicates adds all up\n");
  EXPECT_EQ(ReadProfile(dir / "sum").Total().inuse_space, 303 << 20);
  words.emplace_back("--keep-duplicates");
  result = RunCommand(words);
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(ReadProfile(dir / "sum").Total().inuse_space, 306 << 20);
  // What is left of a process whose newest dump is damaged.
  WriteFile(dir / "a3", Dump("1", 0x400000, 30, 3 << 20) + "\x12\x02\x08\x63");
  words.pop_back();
  result = RunCommand(words);
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("a3: samples have different numbers of values\n"));
  EXPECT_EQ(ReadProfile(dir / "sum").Total().inuse_space, 302 << 20);
}

// The program at its fixed place, and the loader where aarch64 has it; or one run or another, where nothing
// moves.
TEST(Merge, ProcessesOfContainersAreToldApart) {
  TempDir dir;
  const auto write = [&](const char* name, uint64_t loader, const char* run) {
    pb::Profile made;
    ASSERT_TRUE(made.ParseFromString(Dump("1", 0x400000, 10, 1 << 20)));
    pb::Mapping* mapping = made.add_mapping();
    mapping->set_id(made.mapping_size());
    mapping->set_memory_start(loader);
    mapping->set_memory_limit(loader + 0x1000);
    SetComment(&made, run);
    WriteFile(dir / name, made.SerializeAsString());
  };
  write("a", 0xffff80000000, "run: 1");
  write("b", 0xffff90000000, "run: 1");
  write("c", 0xffff90000000, "run: 2");
  EXPECT_EQ(MergeAll(dir, {dir / "a", dir / "b", dir / "c"}).Total().inuse_space, 3 << 20);
}

// One process alone keeps what tells that it is one, and a sum of several does not, as diff goes by it.
TEST(Merge, TellsOfAProcessWhereItIsOfOne) {
  TempDir dir;
  WriteFile(dir / "a1", Dump("1", 0x400000, 10, 1 << 20));
  WriteFile(dir / "a2", Dump("1", 0x400000, 20, 2 << 20));
  ASSERT_EQ(RunCommand({"merge", "-o", dir / "sum", dir / "a1", dir / "a2"}).exit_status, 0);
  EXPECT_THAT(ReadProfile(dir / "sum").Comments(), HasSubstr("pid: 1\n"));
  ASSERT_EQ(RunCommand({"merge", "--keep-duplicates", "-o", dir / "sum", dir / "a1", dir / "a2"}).exit_status,
            0);
  EXPECT_EQ(ReadProfile(dir / "sum").Comments(), "lost samples: 3\nmerged-files: 2\n");
}

TEST(Merge, ProfilesOfSeveralTimesOfAProcessAddUp) {
  TempDir dir;
  WriteFile(dir / "a1", Dump("1", 0x400000, 10, 1 << 20, 10));
  WriteFile(dir / "a2", Dump("1", 0x400000, 20, 2 << 20, 10));
  EXPECT_EQ(MergeAll(dir, {dir / "a1", dir / "a2"}).Total().inuse_space, 3 << 20);
  // Asked for again in another form, it is the same: here with an empty list of comments.
  WriteFile(dir / "a3", Dump("1", 0x400000, 20, 2 << 20, 10) + std::string("\x6a\x00", 2));
  const Result result = RunCommand({"merge", "-o", dir / "sum", dir / "a1", dir / "a2", dir / "a3"});
  EXPECT_EQ(result.err, "heapprof: " + (dir / "a3") +
                            ": not added, as it is here twice, by this name or another; "
                            "--keep-duplicates adds all up\n");
  EXPECT_EQ(ReadProfile(dir / "sum").Total().inuse_space, 3 << 20);
}

// The agent's, and those of delta_heap: what was allocated meanwhile, and what is in use.
TEST(Merge, OfDeltasWhatIsInUseCountsOnce) {
  TempDir dir;
  const auto write = [&](const char* name, const std::string& pid, int64_t time, int64_t value,
                         int64_t duration = 10) {
    pb::Profile made;
    ASSERT_TRUE(made.ParseFromString(Dump(pid, 0x400000, time, value, duration)));
    SetComment(&made, "delta: 1");
    WriteFile(dir / name, made.SerializeAsString());
  };
  write("a2", "1", 20, 2 << 20);
  write("a1", "1", 10, 1 << 20);
  write("b1", "2", 10, 4 << 20);
  write("b0", "2", 5, 3 << 20, 0);  // where the agent found it running
  std::vector<std::string> words = {"merge",    "-o",       dir / "sum", dir / "a2",
                                    dir / "a1", dir / "b1", dir / "b0"};
  const Result result = RunCommand(words);
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.err, "heapprof: " + (dir / "a1") + " and 1 more file" +
                            ": what is in use is not added, as a later file of the process has it; "
                            "--keep-duplicates adds all up\n");
  const Totals totals = ReadProfile(dir / "sum").Total();
  EXPECT_EQ(totals.inuse_space, 6 << 20);
  EXPECT_EQ(totals.alloc_space, 4 * 6144);
  words.emplace_back("--keep-duplicates");
  EXPECT_EQ(RunCommand(words).err, "");
  EXPECT_EQ(ReadProfile(dir / "sum").Total().inuse_space, 10 << 20);
}

// As in an agent's folder: a line for all files of another kind, and `--type` says which kind it is.
TEST(Merge, OfManyFilesOfTwoKindsTakesThoseOfTheTypeAskedFor) {
  TempDir dir;
  for (int time = 1; time <= 5; ++time) {
    pb::Profile made;
    ASSERT_TRUE(made.ParseFromString(Dump("1", 0x400000, time, 1 << 20, 1)));
    SetComment(&made, "delta: 1");
    for (std::string& text : *made.mutable_string_table()) {
      if (time > 3 && text == "inuse_space") text = "cpu";
      if (time > 3 && text == "inuse_objects") text = "samples";
    }
    WriteFile(dir / (std::to_string(time) + ".pb"), made.SerializeAsString());
  }
  Result result = RunCommand({"top", "--json", dir.path()});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.out, HasSubstr("\"total\": 1048576,"));
  EXPECT_THAT(result.err,
              StartsWith("heapprof: " + (dir / "4.pb") + " and 1 more file: have the sample types "));
  EXPECT_THAT(result.err, HasSubstr("1.pb and 1 more file: what is in use is not added"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 2) << result.err;
  result = RunCommand({"top", "--json", "--type", "cpu", dir.path()});
  EXPECT_THAT(result.out, HasSubstr("\"total\": 2097152,"));
  EXPECT_THAT(result.err,
              StartsWith("heapprof: " + (dir / "1.pb") + " and 2 more files: have the sample types "));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  result = RunCommand({"top", "--type", "none", dir.path()});
  EXPECT_THAT(result.err, HasSubstr(" has no sample type none; it has alloc_objects, "));
}

TEST(Merge, AFileThatIsThereTwiceCountsOnce) {
  TempDir dir;
  const pb::Profile made = MakeProfile();
  WriteFile(dir / "a", made.SerializeAsString());
  WriteFile(dir / "b", Gzip(made.SerializeAsString()));
  const std::string text = "heap profile: 1: 100 [1: 100] @ heap/1048576\n1: 100 [1: 100] @ 0x400010\n";
  WriteFile(dir / "c", text);
  WriteFile(dir / "d", text);
  Result result = RunCommand({"merge", "-o", dir / "sum", dir / "a", dir / "b", dir / "a"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.err, "heapprof: " + (dir / "b") +
                            " and 1 more file: not added, as each is here twice, by this "
                            "name or another; --keep-duplicates adds all up\n");
  EXPECT_EQ(ReadProfile(dir / "sum").Total(), (Totals{3, 6144, 1, 2048}));
  result = RunCommand({"top", "--json", dir / "c", dir / "d"});
  EXPECT_THAT(result.err, HasSubstr("d: not added"));
  EXPECT_EQ(result.exit_status, 0);
}

TEST(Merge, TakesFoldersAndLists) {
  TempDir dir;
  const TempDir fleet;
  for (const char* name : {"a.heap.pb.gz", "b.pb", ".c.pb", "d.txt", "e.0001.f.heap"}) {
    WriteFile(fleet / name, Dump(name, 0x400000, 10, 1 << 20));
  }
  EXPECT_EQ(MergeAll(dir, {fleet.path()}).Comments(), "lost samples: 3\nmerged-files: 3\n");
  WriteFile(dir / "lines", (fleet / "a.heap.pb.gz") + "\r\n\n" + (fleet / ".c.pb") + "\n" + fleet.path());
  EXPECT_EQ(MergeAll(dir, {"@" + (dir / "lines"), "--keep-duplicates"}).Comments(),
            "lost samples: 3\nmerged-files: 5\n");
  Command command;
  command.argv = {"/bin/sh",
                  "-c",
                  "printf '%s\\0' \"$@\" | " HEAPPROF_COMMAND " merge -o " + (dir / "sum") + " @-",
                  "sh",
                  fleet / "b.pb",
                  fleet / "d.txt"};
  EXPECT_EQ(RunProgram(command).exit_status, 0);
  EXPECT_EQ(ReadProfile(dir / "sum").Comments(), "lost samples: 3\nmerged-files: 2\n");
  // Where one alone is asked for, a folder or list is its sum.
  const Result top = RunCommand({"top", "--json", fleet.path()});
  EXPECT_EQ(top.exit_status, 0);
  EXPECT_THAT(top.out, HasSubstr("{\"file\": \"" + std::string(fleet.path()) + " (3 files)\""));
  EXPECT_THAT(RunCommand({"diff", "--json", fleet / "b.pb", fleet.path()}).out,
              HasSubstr("\"new\": 3145728"));
  const Result flame =
      RunCommand({"flame", "--sum", "-o", dir / "page", fleet.path(), "--diff", "@" + (dir / "lines")});
  EXPECT_EQ(flame.out, (dir / "page") + "\n") << flame.Describe();
  // What is none.
  EXPECT_EQ(RunCommand({"top", "@/nowhere"}).err, "heapprof: @/nowhere: No such file or directory\n");
  EXPECT_THAT(RunCommand({"top", dir.path()}).err, HasSubstr("no profile is below this folder"));
  WriteFile(dir / "empty", "\n");
  EXPECT_THAT(RunCommand({"top", "@" + (dir / "empty")}).err, HasSubstr("the list names no file"));
}

TEST(Merge, TakesPipesThatCannotBeReadTwice) {
  TempDir dir;
  WriteFile(dir / "a", Dump("1", 0x400000, 10, 1 << 20));
  WriteFile(dir / "b", Dump("2", 0x400000, 10, 2 << 20));
  Command command;
  command.argv = {"/bin/bash",      "-c",      "cat $2 | $0 merge -o $3 - <(cat $1) $2",
                  HEAPPROF_COMMAND, dir / "a", dir / "b",
                  dir / "sum"};
  const Result result = RunProgram(command);
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_THAT(result.err, HasSubstr("not added, as it is an earlier dump"));
  EXPECT_EQ(ReadProfile(dir / "sum").Total().inuse_space, 3 << 20);
}

}  // namespace
}  // namespace heapprof::test
