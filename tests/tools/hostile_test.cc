// SPDX-License-Identifier: Apache-2.0
// Files that nobody's profiler wrote: one line that names the file and the cause, status 2, bounded memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <random>
#include <regex>

#include <random>
#include <regex>

#include "tests/support/files.h"
#include "tests/support/profile.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

constexpr rlim_t kMemory = rlim_t{512} << 20;

// Runs `info` over `content` with all its memory under kMemory.
Result InfoOf(const TempDir& dir, const std::string& content, const std::vector<std::string>& more = {}) {
  WriteFile(dir / "f", content);
  Command command;
  command.argv = {HEAPPROF_COMMAND, "info", dir / "f"};
  command.argv.insert(command.argv.end(), more.begin(), more.end());
  command.before_exec = [] {
    const rlimit limit = {kMemory, kMemory};
    setrlimit(RLIMIT_AS, &limit);
  };
  return RunProgram(command);
}

void ExpectRefused(const std::string& content, const std::string& cause) {
  TempDir dir;
  const Result result = InfoOf(dir, content);
  EXPECT_EQ(result.exit_status, 2) << result.Describe();
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "heapprof: " + (dir / "f") + ": " + cause + "\n");
}

void ExpectRefused(const pb::Profile& profile, const std::string& cause) {
  ExpectRefused(Gzip(profile.SerializeAsString()), cause);
}

std::string Repeat(const std::string& piece, size_t times) {
  std::string out;
  out.reserve(piece.size() * times);
  for (size_t i = 0; i < times; ++i) out += piece;
  return out;
}

std::string Unknown(const std::string& fault) {
  return "not a profile: neither pprof's format nor the text of jemalloc or gperftools (" + fault + ")";
}

TEST(Hostile, FilesOfOtherKindsAreNamed) {
  const std::string elf =
                        "\x7f"
                        "ELF\x02\x01\x01",
                    zstd = "\x28\xb5\x2f\xfd\x04";
  ExpectRefused(elf, "not a profile: it is a program or a library; heapprof run -- FILE profiles one");
  ExpectRefused(Gzip(elf), "not a profile: it is a program or a library; heapprof run -- FILE profiles one");
  ExpectRefused(zstd, "not a profile: it is compressed by zstd; zstd -d makes it readable");
  ExpectRefused("{\"a\": 1}\n", "not a profile: it is JSON; the profile is what it was made of");
  ExpectRefused("<!DOCTYPE html>\n",
                "not a profile: it is an HTML page; a flame graph is for the browser, the profile is what it "
                "was made of");
  // All that a profile may lack at its end.
  const std::string plain = MakeProfile().SerializeAsString();
  ExpectRefused(plain.substr(0, plain.size() - 1), "the profile is truncated: it ends inside a field");
  ExpectRefused(plain.substr(0, 2), Unknown("it ends inside a field"));
}

TEST(Hostile, Framing) {
  const std::string plain = MakeProfile().SerializeAsString();
  const std::string gzip = Gzip(plain);
  ExpectRefused("", "the file is empty: no dump was written to it, or it was cut off");
  ExpectRefused(Gzip(""), "not a profile: it holds nothing when inflated");
  ExpectRefused(gzip.substr(0, gzip.size() / 2), "the gzip stream ends early: the file is truncated");
  ExpectRefused(gzip.substr(0, 2), "the gzip stream ends early: the file is truncated");
  // All data is there, but its trailer is not: the check sum was not compared.
  ExpectRefused(gzip.substr(0, gzip.size() - 1), "the gzip stream ends early: the file is truncated");
  ExpectRefused(gzip + "trailing", "bytes that are no gzip member follow the gzip stream");
  std::string damaged = gzip;
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);
  ExpectRefused(damaged, "the gzip stream is damaged: incorrect data check");
}

TEST(Hostile, TopLevelEncoding) {
  ExpectRefused(std::string(20, '\xff'), Unknown("a varint does not end within ten bytes"));
  ExpectRefused(std::string("\x08") + std::string(200, '\x80'),
                Unknown("a varint does not end within ten bytes"));
  ExpectRefused(std::string(1, '\0'), Unknown("a field has no valid number"));
  ExpectRefused("\x0b", Unknown("a field has wire type 3"));
  ExpectRefused("\x0a\x05\x08", Unknown("it ends inside a field"));
  ExpectRefused("\x32\xff\xff\xff\xff\x0f", Unknown("a field claims 4294967295 bytes"));
  ExpectRefused("\x08\x01", Unknown("a message is no message"));
  ExpectRefused("hello, world\n",
                "not a profile: it is text, and neither jemalloc's nor gperftools' form of a heap profile");
}

TEST(Hostile, NestedEncoding) {
  // A sample whose inner varint has no end; whose packed numbers are cut off; whose label claims too much.
  const std::string no_end = "\x12\x0c\x08" + std::string(11, '\x80');
  ExpectRefused(no_end, Unknown("field 2 is damaged (varint too long exception)"));
  ExpectRefused("\x12\x03\x0a\x05\x01", Unknown("field 2 is damaged (end of buffer exception)"));
  ExpectRefused("\x12\x02\x1a\x7f", Unknown("field 2 is damaged (end of buffer exception)"));
  ExpectRefused("\x12\x05\x1d\x01\x02\x03\x04", Unknown("a message is no message"));
  ExpectRefused("\x1a\x05\x0d\x01\x02\x03\x04", Unknown("a number is no varint"));
}

TEST(Hostile, References) {
  pb::Profile profile = MakeProfile();
  profile.mutable_sample(0)->set_location_id(0, 77);
  ExpectRefused(profile, "a sample refers to location 77, which is missing");
  profile = MakeProfile();
  profile.mutable_sample(0)->set_location_id(0, UINT64_MAX);
  ExpectRefused(profile, "a sample refers to location 18446744073709551615, which is missing");
  profile = MakeProfile();
  profile.mutable_location(0)->set_mapping_id(9);
  ExpectRefused(profile, "a location refers to mapping 9, which is missing");
  profile = MakeProfile();
  profile.mutable_location(0)->mutable_line(0)->set_function_id(5);
  ExpectRefused(profile, "a location refers to function 5, which is missing");
  profile = MakeProfile();
  profile.mutable_location(1)->set_id(1);
  ExpectRefused(profile, "two locations have the id 1");
  profile = MakeProfile();
  profile.mutable_mapping(0)->set_id(0);
  ExpectRefused(profile, "a mapping has the id 0");
  profile = MakeProfile();
  profile.mutable_sample(1)->set_location_id(1, 0);
  ExpectRefused(profile, "a sample has a location with id 0");
}

TEST(Hostile, StringsAndValues) {
  pb::Profile profile = MakeProfile();
  profile.mutable_function(0)->set_name(1000);
  ExpectRefused(profile,
                "string 1000 is missing: the table has " + std::to_string(profile.string_table_size()));
  profile = MakeProfile();
  profile.set_default_sample_type(-1);
  ExpectRefused(profile, "a string has the index -1");
  profile = MakeProfile();
  profile.set_string_table(0, "x");
  ExpectRefused(profile, "string 0 is not empty");
  profile = MakeProfile();
  profile.clear_string_table();
  ExpectRefused(profile, "a damaged profile: it has no string table");
  profile = MakeProfile();
  profile.mutable_sample(1)->add_value(5);
  ExpectRefused(profile, "samples have different numbers of values");
  profile = MakeProfile();
  profile.add_sample_type();
  ExpectRefused(profile, "samples have 4 values for 5 sample types");
  profile = MakeProfile();
  profile.clear_sample_type();
  ExpectRefused(profile, "a damaged profile: it has no sample types");
}

TEST(Hostile, GzipBombsEndAtTheirBound) {
  TempDir dir;
  // Zeros are no field, so that the bomb does not even go off.
  ExpectRefused(Gzip(std::string(size_t{64} << 20, '\0')), Unknown("a field has no valid number"));
  // Empty samples are: they pass until the bound.
  const Result result =
      InfoOf(dir, Gzip(Repeat(std::string("\x12\0", 2), size_t{16} << 20)), {"--max-size", "16m"});
  EXPECT_EQ(result.exit_status, 2) << result.Describe();
  EXPECT_EQ(result.err,
            "heapprof: " + (dir / "f") +
                ": holds more than 16777216 bytes when inflated, the bound that --max-size sets\n");
}

TEST(Hostile, MillionsOfEmptyStringsAreBounded) {
  ExpectRefused(Gzip(Repeat(std::string("\x32\0", 2), (size_t{16} << 20) + 1)),
                "the string table is larger than 128 MiB or 16777216 strings");
}

TEST(Hostile, LongStringsAreBounded) {
  const std::string megabyte = "\x32\x80\x80\x40" + std::string(size_t{1} << 20, 'x');
  ExpectRefused(Gzip(Repeat(megabyte, 129)), "the string table is larger than 128 MiB or 16777216 strings");
}

TEST(Hostile, ScatteredIdsAreBounded) {
  // Locations with ids above the dense range, all different: field 4, ids from 2^62 on, nine bytes each.
  std::string bytes;
  for (uint64_t i = 0; i <= uint64_t{1} << 22; ++i) {
    bytes += "\x22\x0a\x08";
    uint64_t id = (uint64_t{1} << 62) + i;
    for (; id >= 0x80; id >>= 7) bytes += static_cast<char>(id | 0x80);
    bytes += static_cast<char>(id);
  }
  ExpectRefused(bytes, "more than 4194304 scattered ids");
}

TEST(Hostile, FoldersAndUnreadableFiles) {
  TempDir dir;
  Result result = RunCommand({"info", dir.path()});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: " + dir.path() +
                            ": no profile is below this folder (*.pb.gz, *.pb, *.pprof, *.prof, *.heap)\n");
  result = RunCommand({"info", "/proc/self/mem"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

// Whatever one bit or a cut does, the answer is a page or a line.
TEST(Hostile, DamageAnywhereEndsInAPageOrALine) {
  TempDir dir;
  const std::string plain = MakeProfile().SerializeAsString();
  std::mt19937 random(1);
  std::vector<std::string> words = {"info"};
  const int kFiles = 600;
  for (int i = 0; i < kFiles; ++i) {
    std::string bytes = plain;
    if (i % 3 == 0) bytes.resize(random() % bytes.size());
    for (int flips = 0; flips < 1 + i % 4 && !bytes.empty(); ++flips) {
      const size_t at = random() % bytes.size();
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    }
    words.push_back(dir / ("f" + std::to_string(i)));
    WriteFile(words.back(), bytes);
  }
  const Result result = RunCommand(words);
  EXPECT_EQ(result.signal, 0) << result.Describe();
  EXPECT_EQ(result.exit_status, 2);
  // Every file has either its page or its line.
  size_t pages = 0;
  for (size_t at = 0; (at = result.out.find("sample types ", at)) != std::string::npos; ++at) ++pages;
  const auto lines = static_cast<size_t>(std::count(result.err.begin(), result.err.end(), '\n'));
  EXPECT_EQ(pages + lines, static_cast<size_t>(kFiles));
  // Or is in the sum.
  words[0] = "merge";
  words.insert(words.end(), {"--keep-duplicates", "-o", dir / "sum"});
  const Result merged = RunCommand(words);
  EXPECT_EQ(merged.exit_status, 2);
  auto left_out = std::count(merged.err.begin(), merged.err.end(), '\n');
  // Files of another kind share a line.
  const std::regex more(" and ([0-9]+) more files?: ha");
  for (std::sregex_iterator at(merged.err.begin(), merged.err.end(), more), end; at != end; ++at) {
    left_out += std::stol((*at)[1].str());
  }
  EXPECT_NE(
      ReadProfile(dir / "sum").Comments().find("merged-files: " + std::to_string(kFiles - left_out) + "\n"),
      std::string::npos)
      << merged.err;
}

}  // namespace
}  // namespace heapprof::test
