// SPDX-License-Identifier: Apache-2.0
// What `heapprof info` prints of good profiles, and the command line's own rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heapprof/heapprof.h"
#include "tests/support/files.h"
#include "tests/tools/made_profile.h"
#include "tools/base/human.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Info, PrintsEveryPartOfAProfile) {
  TempDir dir;
  WriteFile(dir / "p.pb.gz", Gzip(MakeProfile().SerializeAsString()));
  const Result result = RunCommand({"info", dir / "p.pb.gz"});
  ASSERT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out,
              HasSubstr("sample types  alloc_objects/count, alloc_space/bytes, inuse_objects/count, "
                        "inuse_space/bytes\n"));
  EXPECT_THAT(result.out, HasSubstr("default type  inuse_space\n"));
  EXPECT_THAT(result.out, HasSubstr("period        524288 (512.0 KiB) space/bytes\n"));
  EXPECT_THAT(result.out, HasSubstr("time          2023-11-14 22:13:20.123 UTC\n"));
  EXPECT_THAT(result.out, HasSubstr("duration      none: a snapshot\n"));
  EXPECT_THAT(result.out, HasSubstr("drop frames   malloc|calloc\n"));
  EXPECT_THAT(result.out, HasSubstr("samples       2\n"));
  EXPECT_THAT(result.out, HasSubstr("locations     2, 1 with symbols in the profile\n"));
  EXPECT_THAT(result.out, HasSubstr("functions     1\n"));
  EXPECT_THAT(result.out, HasSubstr("mappings      1\n"));
  EXPECT_THAT(result.out, HasSubstr("alloc_objects        3 count\n"));
  EXPECT_THAT(result.out, HasSubstr("alloc_space          6144 bytes (6.0 KiB)\n"));
  EXPECT_THAT(result.out, HasSubstr("inuse_objects        1 count\n"));
  EXPECT_THAT(result.out, HasSubstr("inuse_space          2048 bytes (2.0 KiB)\n"));
  EXPECT_THAT(result.out, HasSubstr("0x400000-0x500000"));
  EXPECT_THAT(result.out, HasSubstr("0123456789abcdef"));
  EXPECT_THAT(result.out, HasSubstr("/usr/bin/program\n"));
  EXPECT_THAT(result.out, HasSubstr("comments\n  lost samples: 3\n"));
}

TEST(Report, WhatToDoAboutAProfileWithoutSamplesIsSaid) {
  TempDir dir;
  pb::Profile profile = MakeProfile();
  profile.clear_sample();
  WriteFile(dir / "p", profile.SerializeAsString());
  for (const char* report : {"top", "tree", "folded", "list"}) {
    std::vector<std::string> words = {report, dir / "p"};
    if (words[0] == "list") words.insert(words.begin() + 1, {"--json", "main"});
    const Result result = RunCommand(words);
    EXPECT_EQ(result.exit_status, 0);
    EXPECT_EQ(result.err,
              "heapprof: " + dir / "p" +
                  ": no block was sampled, as the program asked for little beside the interval of "
                  "512.0 KiB: --interval 1 records every block\n");
    EXPECT_THAT(result.out, Not(HasSubstr("Little is in use")));
  }
  // Of leaks or growth there may be none at all.
  pb::Profile leaks = profile;
  for (pb::ValueType& type : *leaks.mutable_sample_type()) {
    if (leaks.string_table(static_cast<int>(type.type())) == "alloc_space")
      type.set_type(Intern(&leaks, "leaked_space"));
  }
  WriteFile(dir / "l", leaks.SerializeAsString());
  EXPECT_EQ(RunCommand({"top", dir / "l"}).err, "heapprof: " + dir / "l" + ": there are no samples in it\n");
  profile.mutable_period_type()->set_type(Intern(&profile, "cpu"));
  WriteFile(dir / "p", profile.SerializeAsString());
  EXPECT_EQ(RunCommand({"top", dir / "p"}).err, "heapprof: " + dir / "p" + ": there are no samples in it\n");
}

TEST(Info, ReadsPlainAndSeveralGzipMembersAndStandardInputAlike) {
  TempDir dir;
  const std::string plain = MakeProfile().SerializeAsString();
  const size_t half = plain.size() / 2;
  WriteFile(dir / "a", plain);
  WriteFile(dir / "b", Gzip(plain.substr(0, half)) + Gzip(plain.substr(half)));
  const auto body = [](const Result& result) { return result.out.substr(result.out.find('\n')); };
  const Result first = RunCommand({"info", dir / "a"});
  const Result second = RunCommand({"info", dir / "b"});
  ASSERT_TRUE(first.ok() && second.ok()) << first.Describe() << second.Describe();
  EXPECT_EQ(body(first), body(second));
  Command piped;
  piped.argv = {"/bin/sh", "-c", "cat " + (dir / "b") + " | " HEAPPROF_COMMAND " info -"};
  EXPECT_EQ(body(RunProgram(piped)), body(first));
}

TEST(Info, UnpackedNumbersAndLaterFieldsAreRead) {
  TempDir dir;
  pb::Profile profile = MakeProfile();
  profile.clear_sample();
  std::string bytes = profile.SerializeAsString();
  // A sample with unpacked numbers: location_id 1, values 1 2 3 4.
  bytes += std::string("\x12\x0a\x08\x01\x10\x01\x10\x02\x10\x03\x10\x04", 12);
  // Fields 100 (a varint) and 101 (fixed64), unknown today.
  bytes += std::string("\xa0\x06\x05\xa9\x06\0\0\0\0\0\0\0\0", 13);
  WriteFile(dir / "p", bytes);
  const Result result = RunCommand({"info", dir / "p"});
  ASSERT_TRUE(result.ok()) << result.Describe();
  EXPECT_THAT(result.out, HasSubstr("inuse_space          4 bytes\n"));
}

TEST(Info, NegativeValuesOfDifferencesAddUp) {
  TempDir dir;
  pb::Profile profile = MakeProfile();
  profile.mutable_sample(0)->set_value(3, -5000);
  WriteFile(dir / "p", profile.SerializeAsString());
  EXPECT_THAT(RunCommand({"info", dir / "p"}).out,
              HasSubstr("inuse_space          -5000 bytes (-4.9 KiB)\n"));
}

TEST(Info, SumsGoBeyondSixtyFourBits) {
  TempDir dir;
  pb::Profile profile = MakeProfile();
  profile.mutable_sample(0)->set_value(0, INT64_MAX);
  profile.mutable_sample(1)->set_value(0, INT64_MAX);
  WriteFile(dir / "p", profile.SerializeAsString());
  EXPECT_THAT(RunCommand({"info", dir / "p"}).out,
              HasSubstr("alloc_objects        18446744073709551614 count\n"));
}

TEST(Info, GoesOnAfterAFileThatCannotBeRead) {
  TempDir dir;
  WriteFile(dir / "good", MakeProfile().SerializeAsString());
  const Result result = RunCommand({"info", dir / "missing", dir / "good"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: " + (dir / "missing") + ": No such file or directory\n");
  EXPECT_THAT(result.out, HasSubstr("inuse_space          2048 bytes"));
}

TEST(Info, TextOfTheFileReachesNoTerminalRaw) {
  TempDir dir;
  pb::Profile profile = MakeProfile();
  profile.add_comment(Intern(&profile, "\x1b]0;title\x07 \xc2\x9b ok \xc3\xa9\nnext"));
  WriteFile(dir / "p", profile.SerializeAsString());
  const Result result = RunCommand({"info", dir / "p"});
  ASSERT_TRUE(result.ok()) << result.Describe();
  EXPECT_THAT(result.out, HasSubstr("  \\x1b]0;title\\x07 \\xc2\\x9b ok \xc3\xa9\\x0anext\n"));
}

TEST(Info, AFullDiskIsNoSuccess) {
  TempDir dir;
  WriteFile(dir / "p", MakeProfile().SerializeAsString());
  Command command;
  command.argv = {"/bin/sh", "-c", HEAPPROF_COMMAND " info " + (dir / "p") + " > /dev/full"};
  const Result result = RunProgram(command);
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: standard output cannot be written\n");
}

TEST(Info, UnitsStandBehindTheirFiguresUnlessTheseShowThem) {
  EXPECT_EQ(tools::HumanWithUnit(2048, "bytes"), "2.0 KiB");
  EXPECT_EQ(tools::HumanWithUnit(3, "nanoseconds"), "3 ns");
  EXPECT_EQ(tools::HumanWithUnit(12, "count"), "12");
  EXPECT_EQ(tools::HumanWithUnit(12, ""), "12");
  EXPECT_EQ(tools::HumanWithUnit(12, "handles"), "12 handles");
  EXPECT_EQ(tools::HumanWithUnit(12, "\x1b[2J"), "12 \\x1b[2J");
}

TEST(Info, HumanSizesKeepOneDigit) {
  EXPECT_EQ(tools::HumanBytes(0), "0 B");
  EXPECT_EQ(tools::HumanBytes(1023), "1023 B");
  EXPECT_EQ(tools::HumanBytes(1024), "1.0 KiB");
  EXPECT_EQ(tools::HumanBytes(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(tools::HumanBytes(1.5 * (1 << 30)), "1.5 GiB");
}

TEST(CommandLine, VersionHelpAndWrongUsage) {
  EXPECT_EQ(RunCommand({"--version"}).out, "heapprof " HEAPPROF_VERSION "\n");
  const Result help = RunCommand({"--help"});
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_THAT(help.out, HasSubstr("info"));
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"nonsense"},
                                             {"info"},
                                             {"info", "--nonsense", "f"},
                                             {"dump"},
                                             {"dump", "x"},
                                             {"dump", "-1"},
                                             {"run"},
                                             {"run", "--"},
                                             {"run", "--interval", "many", "--", "true"},
                                             {"run", "--nonsense", "--", "true"},
                                             {"run", "--option", "novalue", "--", "true"}}) {
    const Result result = RunCommand(words);
    EXPECT_EQ(result.exit_status, 2) << result.Describe();
    EXPECT_THAT(result.err, testing::StartsWith("heapprof: "));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
  }
}

}  // namespace
}  // namespace heapprof::test
