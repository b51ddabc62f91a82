// SPDX-License-Identifier: Apache-2.0
#include "proto/text_stream.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <vector>

#include "tests/proto/decode.h"

namespace heapprof {
namespace {

class TextStreamTest : public testing::Test {
 protected:
  StringSink sink_;
  std::vector<char> buffer_ = std::vector<char>(TextStream::kBufferSize);
  TextStream out_{&sink_, buffer_.data()};
};

TEST_F(TextStreamTest, NumbersAsPrintfWritesThem) {
  std::string expected;
  std::vector<uint64_t> values = {0, 1, 9, 10, 15, 16, 255, 256, UINT64_MAX};
  for (int bit = 0; bit < 64; bit++) values.push_back(uint64_t{1} << bit);
  for (uint64_t value : values) {
    out_.UDec(value).Str(" ").Hex(value).Str("\n");
    char line[64];
    snprintf(line, sizeof(line), "%llu 0x%llx\n", static_cast<unsigned long long>(value),
             static_cast<unsigned long long>(value));
    expected += line;
  }
  EXPECT_EQ(out_.Flush(), 0);
  EXPECT_EQ(sink_.data, expected);
}

TEST_F(TextStreamTest, LongerThanTheBuffer) {
  std::string text;
  for (int i = 0; i < 50000; i++) text += std::to_string(i);
  out_.Str("a").Str(text.c_str()).Str("b");
  EXPECT_EQ(out_.Flush(), 0);
  EXPECT_EQ(sink_.data, "a" + text + "b");
}

TEST_F(TextStreamTest, ErrorsStick) {
  sink_.limit = 0;
  sink_.error = -ENOSPC;
  out_.Str("a");
  EXPECT_EQ(out_.Flush(), -ENOSPC);
  out_.Str("b");
  EXPECT_EQ(out_.Flush(), -ENOSPC);
  EXPECT_EQ(sink_.calls, 1u);
}

}  // namespace
}  // namespace heapprof
