// SPDX-License-Identifier: Apache-2.0
#include "proto/wire.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <vector>

#include "proto/fields.h"
#include "tests/proto/decode.h"

namespace heapprof {
namespace {

class WireTest : public testing::Test {
 protected:
  template <class Message>
  Message Decode() {
    EXPECT_EQ(wire_.Flush(), 0);
    return Parsed<Message>(sink_.data);
  }

  StringSink sink_;
  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(WireEncoder::kBufferSize);
  WireEncoder wire_{&sink_, buffer_.data()};
};

TEST_F(WireTest, VarintsAtEachLengthsEdge) {
  std::vector<uint64_t> values = {0, 1, 127, 128, UINT32_MAX, UINT64_MAX};
  for (int bits = 7; bits < 64; bits += 7) {
    values.push_back((uint64_t{1} << bits) - 1);
    values.push_back(uint64_t{1} << bits);
  }
  for (uint64_t value : values) wire_.Uint64(fields::sample::kLocationId, value);
  pb::Sample sample = Decode<pb::Sample>();
  EXPECT_EQ(std::vector<uint64_t>(sample.location_id().begin(), sample.location_id().end()), values);
}

TEST_F(WireTest, NegativeAndExtremeInt64) {
  const int64_t values[] = {INT64_MIN, -1, 0, INT64_MAX};
  wire_.Int64s(fields::sample::kValue, values, 4);
  pb::Sample sample = Decode<pb::Sample>();
  EXPECT_EQ(std::vector<int64_t>(sample.value().begin(), sample.value().end()),
            std::vector<int64_t>(values, values + 4));
}

TEST_F(WireTest, MoreThanTwoValuesArePacked) {
  const uint64_t values[] = {1, 2, 3};
  wire_.Uint64s(1, values, 2);
  wire_.Uint64s(1, values, 3);
  EXPECT_EQ(wire_.Flush(), 0);
  EXPECT_EQ(sink_.data, std::string("\x08\x01\x08\x02\x0a\x03\x01\x02\x03"));
}

TEST_F(WireTest, NestedMessagesAreClosedInnermostFirst) {
  WireEncoder::Mark location = wire_.StartMessage();
  wire_.Uint64(fields::location::kId, 5);
  for (uint64_t function : {7, 300, 70000}) {
    WireEncoder::Mark line = wire_.StartMessage();
    wire_.Uint64(fields::line::kFunctionId, function);
    wire_.Int64(fields::line::kLine, 10);
    wire_.EndMessage(fields::location::kLine, line);
  }
  wire_.Bool(fields::location::kIsFolded, true);
  wire_.EndMessage(fields::profile::kLocation, location);
  WireEncoder::Mark empty = wire_.StartMessage();
  wire_.EndMessage(fields::profile::kFunction, empty);
  pb::Profile profile = Decode<pb::Profile>();
  ASSERT_EQ(profile.location_size(), 1);
  ASSERT_EQ(profile.location(0).line_size(), 3);
  EXPECT_EQ(profile.location(0).id(), 5u);
  EXPECT_EQ(profile.location(0).line(2).function_id(), 70000u);
  EXPECT_EQ(profile.location(0).line(2).line(), 10);
  EXPECT_TRUE(profile.location(0).is_folded());
  EXPECT_EQ(profile.function_size(), 1);
}

TEST_F(WireTest, OptionalFormsLeaveOutDefaults) {
  wire_.Uint64Opt(1, 0);
  wire_.Int64Opt(1, 0);
  wire_.BoolOpt(1, false);
  wire_.StringOpt(1, "", 0);
  EXPECT_EQ(wire_.Flush(), 0);
  EXPECT_EQ(sink_.data, "");
  wire_.Bool(1, false);
  wire_.StringOpt(2, "x", 1);
  EXPECT_EQ(wire_.Flush(), 0);
  EXPECT_EQ(sink_.data, std::string("\x08\x00\x12\x01x", 5));
}

TEST_F(WireTest, HandsOverPiecesOfFourKiBAndNothingInAMessage) {
  for (int i = 0; i < 100000; i++) {
    WireEncoder::Mark start = wire_.StartMessage();
    wire_.Uint64(fields::location::kId, i + 1);
    wire_.EndMessage(fields::profile::kLocation, start);
  }
  EXPECT_LT(sink_.largest, WireEncoder::kFlushSize + 32);
  size_t calls = sink_.calls;
  WireEncoder::Mark start = wire_.StartMessage();
  std::string text(20000, 'x');
  wire_.String(fields::profile::kStringTable, text.data(), text.size());
  EXPECT_EQ(sink_.calls, calls);
  wire_.EndMessage(fields::profile::kSample, start);
  EXPECT_EQ(sink_.calls, calls + 1);
}

TEST_F(WireTest, StringsOfAnyLengthAtTopLevel) {
  std::vector<std::string> texts;
  for (size_t size : {0, 1, 127, 128, 4095, 4096, 4097, 65535, 65536, 1000000})
    texts.emplace_back(size, 'a' + size % 26);
  for (const std::string& text : texts) wire_.String(fields::profile::kStringTable, text.data(), text.size());
  pb::Profile profile = Decode<pb::Profile>();
  EXPECT_EQ(std::vector<std::string>(profile.string_table().begin(), profile.string_table().end()), texts);
}

TEST_F(WireTest, AMessageOfTheCapacityFitsBehindWhatIsHeld) {
  // As much as may be held before it.
  std::string held(WireEncoder::kFlushSize - 3, 'h');
  wire_.String(fields::profile::kStringTable, held.data(), held.size() - 10);
  EXPECT_EQ(sink_.calls, 0u);
  WireEncoder::Mark start = wire_.StartMessage();
  WireEncoder::Mark packed = wire_.StartMessage();
  size_t count = WireEncoder::kMessageCapacity - 8;
  for (size_t i = 0; i < count; i++) wire_.Varint(i % 128);
  wire_.EndMessage(fields::sample::kLocationId, packed);
  wire_.EndMessage(fields::profile::kSample, start);
  pb::Profile profile = Decode<pb::Profile>();
  ASSERT_EQ(profile.sample_size(), 1);
  EXPECT_EQ(static_cast<size_t>(profile.sample(0).location_id_size()), count);
}

TEST_F(WireTest, AMessageThatDoesNotFitIsAnErrorAndNoOverrun) {
  buffer_.resize(WireEncoder::kBufferSize);  // the sanitizer watches its end
  WireEncoder::Mark start = wire_.StartMessage();
  for (size_t i = 0; i < 2 * WireEncoder::kBufferSize; i++) wire_.Uint64(1, 1);
  wire_.EndMessage(fields::profile::kSample, start);
  EXPECT_EQ(wire_.error(), -EMSGSIZE);
  EXPECT_EQ(wire_.Flush(), -EMSGSIZE);
  EXPECT_EQ(sink_.data, "");
}

TEST_F(WireTest, TheSinksErrorSticks) {
  sink_.limit = 10000;
  sink_.error = -ENOSPC;
  for (int i = 0; i < 100000; i++) wire_.Uint64(1, 1);
  EXPECT_EQ(wire_.error(), -ENOSPC);
  size_t calls = sink_.calls;
  EXPECT_EQ(wire_.Flush(), -ENOSPC);
  EXPECT_EQ(sink_.calls, calls);
}

}  // namespace
}  // namespace heapprof
