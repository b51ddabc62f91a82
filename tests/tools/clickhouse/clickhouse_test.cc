// SPDX-License-Identifier: Apache-2.0
// Profiles as rows of ClickHouse, and rows as a profile: what needs no server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/made_profile.h"
#include "tools/base/failure.h"
#include "tools/clickhouse/native_block.h"
#include "tools/clickhouse/question.h"
#include "tools/clickhouse/row_reader.h"
#include "tools/clickhouse/rows.h"
#include "tools/clickhouse/schema.h"
#include "tools/clickhouse/stack_frames.h"
#include "tools/clickhouse/stored_profile.h"
#include "tools/profile/load.h"

namespace heapprof::test {
namespace {

using namespace tools::clickhouse;
using testing::HasSubstr;
using testing::Not;
using tools::Failure;
using tools::Profile;

constexpr int64_t kNow = 1'795'867'200'000'000'000;  // 2026-11-28 12:00

Profile Loaded(const pb::Profile& made) {
  const std::string bytes = made.SerializeAsString();
  tools::ProfileSource source(tools::FileBytes{bytes});
  return tools::LoadProfile(&source, {});
}

// A piece of text with its length, and a whole number, as the formats have them.
std::string Text(const std::string& text) { return std::string(1, static_cast<char>(text.size())) + text; }
template <typename T>
std::string Word(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

// What ClickHouse 26.7 writes for SELECT arrayJoin([map('k', 'v'), map()])::Map(...) AS m, and for
// toDateTime64(1, 9, 'UTC').
TEST(NativeBlock, IsWhatClickHouseWrites) {
  NativeBlock block(2, 2);
  block.AddNumbers<int64_t>("t", "DateTime64(9, 'UTC')", {1'000'000'000, 1'000'000'000});
  Texts keys, values;
  keys.Add("k");
  values.Add("v");
  const std::string type = "Map(LowCardinality(String), LowCardinality(String))";
  block.BeginTuples("m", type, 2, {1, 1});
  block.AddElements(keys);
  block.AddElements(values);
  const auto one = [](const std::string& key) {
    return Word<uint64_t>(0x600) + Word<uint64_t>(2) + Text("") + Text(key) + Word<uint64_t>(1) + "\x01";
  };
  EXPECT_EQ(block.Take(), "\x02\x02" + Text("t") + Text("DateTime64(9, 'UTC')") +
                              Word<int64_t>(1'000'000'000) + Word<int64_t>(1'000'000'000) + Text("m") +
                              Text(type) + Word<uint64_t>(1) + Word<uint64_t>(1) + Word<uint64_t>(1) +
                              Word<uint64_t>(1) + one("k") + one("v"));
}

TEST(NativeBlock, WritesNothingForArraysWithoutElementsAndWiderNumbersForManyTexts) {
  NativeBlock empty(1, 1);
  empty.BeginTuples("a", "Array(LowCardinality(String))", 1, {0});
  empty.AddElements(Texts());
  EXPECT_EQ(empty.Take(), "\x01\x01" + Text("a") + Text("Array(LowCardinality(String))") + Word<uint64_t>(1) +
                              Word<uint64_t>(0));
  Texts many;
  for (int i = 0; i < 256; ++i) many.Add(std::to_string(i));  // and the empty one
  std::string bytes;
  many.AppendTo(&bytes);
  EXPECT_EQ(bytes.substr(0, 16), Word<uint64_t>(0x601) + Word<uint64_t>(257));
  EXPECT_EQ(bytes.substr(bytes.size() - 2), Word<uint16_t>(256));
}

// Numbers of stacks are in databases: another number would make another stack of each.
TEST(StackNumber, IsPinnedAndDoesNotDependOnWhereModulesLie) {
  pb::Profile made = MakeProfile();
  const Profile profile = Loaded(made);
  const uint64_t number = StackFrames(profile).NumberOf(profile.samples[0]);
  EXPECT_EQ(number, 13630334819021255296u);
  made.mutable_mapping(0)->set_memory_start(0x900000);
  made.mutable_mapping(0)->set_memory_limit(0xa00000);
  for (int i = 0; i < 2; ++i) {
    made.mutable_location(i)->set_address(made.location(i).address() + 0x500000);
  }
  const Profile moved = Loaded(made);
  EXPECT_EQ(StackFrames(moved).NumberOf(moved.samples[0]), number);
  made.mutable_location(1)->set_address(made.location(1).address() + 1);
  const Profile other = Loaded(made);
  EXPECT_NE(StackFrames(other).NumberOf(other.samples[0]), number);
}

TEST(Rows, AreOnePerAmountWithFramesAtTheFirst) {
  const Profile profile = Loaded(MakeProfile());
  RowWriter writer;
  writer.Add(profile, {"", {{"service", "s"}}});
  EXPECT_EQ(writer.rows(), 3u);  // alloc twice, in use once
  EXPECT_EQ(writer.new_stacks().size(), 1u);
  const std::string block = writer.TakeBlock();
  EXPECT_THAT(block, HasSubstr("Work"));
  EXPECT_EQ(writer.TakeBlock(), "");
  writer.Add(profile, {});
  EXPECT_THAT(writer.TakeBlock(), Not(HasSubstr("Work")));
  RowWriter knows(&writer.new_stacks());
  knows.Add(profile, {});
  EXPECT_THAT(knows.TakeBlock(), Not(HasSubstr("Work")));
}

// What the process had before is not in use any more.
TEST(Rows, TellOfAProfileWithoutSamples) {
  pb::Profile made = MakeProfile();
  made.clear_sample();
  RowWriter writer;
  writer.Add(Loaded(made), {});
  EXPECT_EQ(writer.rows(), 2u);
  EXPECT_TRUE(writer.new_stacks().empty());
}

// The numbers of a column of a byte a row.
std::vector<int> Bytes(const std::string& block, const std::string& column, size_t rows) {
  const std::string head = Text(column) + Text("UInt8");
  const size_t at = block.find(head);
  if (at == std::string::npos) return {};
  const std::string bytes = block.substr(at + head.size(), rows);
  return {bytes.begin(), bytes.end()};
}

// What the agent sends: allocations of a time, and what is in use at its end, which does not add up.
TEST(Rows, WhatIsInUseIsAStateInDifferencesToo) {
  const Profile profile = Loaded(MakeProfile());
  Origin origin;
  origin.is_delta = true;
  RowWriter writer;
  writer.Add(profile, origin);
  EXPECT_THAT(Bytes(writer.TakeBlock(), "is_delta", 3), testing::ElementsAre(1, 0, 1));
  origin.is_in_use_delta = true;
  writer.Add(profile, origin);
  EXPECT_THAT(Bytes(writer.TakeBlock(), "is_delta", 3), testing::ElementsAre(1, 1, 1));
}

// Else the last profile with something in use would be taken for what is in use now.
TEST(Rows, TellThatNothingIsInUseAnyMore) {
  pb::Profile made = MakeProfile();
  for (pb::Sample& sample : *made.mutable_sample()) sample.set_value(2, 0), sample.set_value(3, 0);
  RowWriter writer;
  Origin origin;
  origin.is_delta = true;
  writer.Add(Loaded(made), origin);
  ASSERT_EQ(writer.rows(), 3u);
  EXPECT_THAT(Bytes(writer.TakeBlock(), "is_delta", 3), testing::ElementsAre(1, 1, 0));
}

// Processes of one run, or of containers, in which each has the id 1: an instance each.
TEST(Rows, ProcessesAreToldApart) {
  const auto block = [](const std::string& pid, const std::string& run, uint64_t place) {
    pb::Profile made = MakeProfile();
    for (const std::string& comment : {"pid: " + pid, std::string("start-time: 2026-01-31T23:59:59Z"), run}) {
      if (!comment.empty()) made.add_comment(Intern(&made, comment));
    }
    made.mutable_mapping(0)->set_memory_start(made.mapping(0).memory_start() + place);
    made.mutable_mapping(0)->set_memory_limit(made.mapping(0).memory_limit() + place);
    for (pb::Location& location : *made.mutable_location()) location.set_address(location.address() + place);
    RowWriter writer;
    writer.Add(Loaded(made), {});
    return writer.TakeBlock();
  };
  EXPECT_NE(block("1", "", 0), block("1", "", 0x100000));
  EXPECT_EQ(block("1", "", 0), block("1", "", 0));
  EXPECT_NE(block("7", "run: 5", 0), block("8", "run: 5", 0));
  EXPECT_THAT(block("7", "run: 5", 0), HasSubstr(Text("pid")));
}

Statement Amounts(const std::string& address) { return Question(ParseAddress(address), kNow).Amounts(); }

// Quotes, backslashes, line feeds and NUL are in the parameters, and nowhere else.
TEST(Question, PutsNoTextOfTheUsersIntoTheStatement) {
  const std::string plain = Amounts("clickhouse://h/?service=a&label.b=c&type=d&period=e").sql;
  const Statement hostile = Amounts(
      "clickhouse://h/"
      "?service=a')%20OR%201%3D1--&label.x'%5C%0A%00y=%27%3B%20DROP%20TABLE%20samples%3B&type='%5C&period=1)"
      ";");
  EXPECT_EQ(hostile.sql, plain);
  std::string values;
  for (const auto& [name, value] : hostile.parameters) values += name + "=" + value + "|";
  EXPECT_THAT(values, HasSubstr("service=a') OR 1=1--|"));
  EXPECT_THAT(values, HasSubstr(std::string("=x'\\\n\0y|", 8)));
  EXPECT_THAT(values, HasSubstr("='; DROP TABLE samples;|"));
  for (const char* bad :
       {"clickhouse://h/?users=1", "clickhouse://h/da`ta", "clickhouse://h/?service=a&from=now&to=-1h"}) {
    EXPECT_THROW(Amounts(bad), Failure) << bad;
  }
}

// A process whose last profile has no such sample has none now; an earlier one's is gone.
TEST(Question, TheLastProfileOfAProcessIsThatOfAllItsSamples) {
  const std::string sql = Amounts("clickhouse://h/?service=a&label.b=c&tag.d=e&period=4096&type=f").sql;
  const size_t last = sql.find("max(time)");
  ASSERT_NE(last, std::string::npos);
  const std::string of_samples = sql.substr(0, last), of_processes = sql.substr(last);
  for (const char* condition : {"tags[", "period = ", "type = "}) {
    EXPECT_THAT(of_samples, HasSubstr(condition));
    EXPECT_THAT(of_processes.substr(0, of_processes.find("GROUP BY")), Not(HasSubstr(condition)));
  }
  EXPECT_THAT(of_processes, HasSubstr("labels[{key"));
}

TEST(Question, ReadsMoments) {
  constexpr int64_t kSecond = 1'000'000'000;
  EXPECT_EQ(ParseMoment("now", kNow), kNow);
  EXPECT_EQ(ParseMoment("-90m", kNow), kNow - 5400 * kSecond);
  EXPECT_EQ(ParseMoment("-1w", kNow), kNow - 604800 * kSecond);
  EXPECT_EQ(ParseMoment("2026-11-28", kNow), kNow - 12 * 3600 * kSecond);
  EXPECT_EQ(ParseMoment("2026-11-28T12:00:01Z", kNow), kNow + kSecond);
  EXPECT_EQ(ParseMoment("2026-11-28 12:00", kNow), kNow);
  for (const char* bad :
       {"", "-", "-h", "-1", "--1h", "-99999999999999h", "soon", "2026-11-28x", "2026-13-01", "1650-01-01"}) {
    EXPECT_THROW(ParseMoment(bad, kNow), Failure) << bad;
  }
}

TEST(Schema, TakesNamesOnlyThatNeedNoQuotes) {
  EXPECT_THAT(SchemaText("heapprof", ""), Not(HasSubstr("@")));
  const std::string cluster = SchemaText("db", "fleet");
  EXPECT_THAT(cluster, HasSubstr("Distributed(fleet, db, samples_local, cityHash64(service, instance))"));
  EXPECT_THAT(cluster, Not(HasSubstr("@")));
  for (const char* bad : {"", "a b", "a;", "1a", "a`", "caf\xc3\xa9"})
    EXPECT_THROW(SchemaText(bad, ""), Failure) << bad;
}

std::string AmountRow(uint64_t stack, uint64_t bytes, const std::string& type, int64_t value,
                      int64_t events) {
  return Word(stack) + Word(bytes) + Text("") + Text("") + Text(type) + Text("bytes") +
         Text(type == "inuse_space" ? "inuse_objects" : "alloc_objects") + Text("space/bytes") +
         Word<int64_t>(524288) + Word(value) + Word(events) + std::string(1, '\0');
}

// "leaf", inlined into "outer", called by a function of libx that nothing names.
std::string StackRow(uint64_t stack) {
  const std::string three(1, '\x03');
  return Word(stack) + three + Text("leaf") + Text("outer") + Text("[libx.so+0x40]") + three + Text("") +
         Text("_Z5outer") + Text("") + three + Text("a.cc") + Text("a.cc") + Text("") + three +
         Word<uint32_t>(1) + Word<uint32_t>(5) + Word<uint32_t>(0) + three + Word<uint32_t>(2) +
         Word<uint32_t>(6) + Word<uint32_t>(0) + three + Text("app") + Text("app") + Text("/lib/libx.so") +
         three + Text("b1") + Text("b1") + Text("b2") + three + Word<uint64_t>(0x10) + Word<uint64_t>(0x10) +
         Word<uint64_t>(0x44) + three + std::string("\x01\x00\x00", 3);
}

TEST(StoredProfile, PutsAmountsAndFramesTogether) {
  StoredProfile stored;
  const std::string amounts = AmountRow(7, 64, "inuse_space", 640, 10) +
                              AmountRow(7, 64, "alloc_space", 1280, 20) +
                              AmountRow(8, 32, "inuse_space", 32, 1);
  stored.AddAmounts(amounts);
  stored.AddStacks(StackRow(7));
  stored.AddExtent(Word<uint64_t>(2) + Word<uint64_t>(3) + Word<int64_t>(kNow) + Word<int64_t>(5));
  const Profile profile = stored.Finish();
  ASSERT_EQ(profile.type_count(), 4u);
  EXPECT_EQ(profile.type_name(0), "alloc_objects");
  EXPECT_EQ(profile.type_name(3), "inuse_space");
  EXPECT_EQ(tools::FindSampleType(profile, ""), 3u);
  ASSERT_EQ(profile.samples.size(), 2u);
  EXPECT_THAT(std::vector<int64_t>(profile.values), testing::ElementsAre(20, 1280, 10, 640, 0, 0, 1, 32));
  const auto stack = profile.stack(profile.samples[0]);
  ASSERT_EQ(stack.size(), 2u);
  EXPECT_EQ(profile.locations[stack[0]].line_count, 2u);
  EXPECT_EQ(profile.locations[stack[1]].line_count, 0u);
  EXPECT_EQ(profile.locations[stack[1]].function_start, 0x40u);
  const auto lost = profile.lines_of(profile.locations[profile.stack(profile.samples[1])[0]]);
  EXPECT_THAT(profile.text(profile.functions[lost[0].function].name), HasSubstr("stack not in"));
  EXPECT_EQ(profile.header.time_nanos, kNow);
  EXPECT_EQ(tools::CommentValue(profile, "merged-files"), "3");
}

// What a sample stands for would be lost.
TEST(StoredProfile, RefusesSamplesOfTwoPeriods) {
  std::string other = AmountRow(7, 64, "inuse_space", 640, 10);
  other.replace(other.size() - 25, 8, Word<int64_t>(4096));
  StoredProfile stored;
  const std::string rows = AmountRow(7, 64, "inuse_space", 640, 10) + other;
  EXPECT_THROW(stored.AddAmounts(rows), Failure);
}

TEST(StoredProfile, EndsWithALineWhateverAServerAnswers) {
  const std::string amounts = AmountRow(7, 64, "inuse_space", 640, 10), stacks = StackRow(7);
  for (size_t size = 1; size < amounts.size(); ++size) {
    EXPECT_THROW(StoredProfile().AddAmounts(amounts.substr(0, size)), Failure) << size;
  }
  for (size_t size = 1; size < stacks.size(); ++size) {
    EXPECT_THROW(StoredProfile().AddStacks(stacks.substr(0, size)), Failure) << size;
  }
  const std::string huge = Word<uint64_t>(7) + std::string(8, '\xff') + "\x7f";
  EXPECT_THROW(StoredProfile().AddStacks(huge), Failure);
  EXPECT_THROW(StoredProfile().AddAmounts(Word<uint64_t>(7) + huge), Failure);
  std::string uneven = stacks;
  uneven[uneven.size() - 4] = '\x02';
  EXPECT_THROW(StoredProfile().AddStacks(uneven), Failure);
}

// A megabyte of rows of a type each would be gigabytes of values.
TEST(StoredProfile, HasABoundOnTypes) {
  std::string rows;
  for (int i = 0; i < 100; ++i) rows += AmountRow(7, 64, "type" + std::to_string(i), 640, 10);
  EXPECT_THROW(StoredProfile().AddAmounts(rows), Failure);
}

}  // namespace
}  // namespace heapprof::test
