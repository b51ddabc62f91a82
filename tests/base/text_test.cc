// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <errno.h>
#include <gtest/gtest.h>

#include "base/hex.h"

namespace heapprof {
namespace {

TEST(TextTest, NumbersAreWrittenInFull) {
  Text<128> text;
  text.Dec(INT64_MIN)
      .Char(' ')
      .UDec(UINT64_MAX)
      .Char(' ')
      .UDec(7, 4)
      .Char(' ')
      .Hex(0xbeef)
      .Char(' ')
      .Hex(5, 3);
  EXPECT_STREQ(text.data(), "-9223372036854775808 18446744073709551615 0007 beef 005");
  EXPECT_FALSE(text.cut());
}

TEST(TextTest, WhatDoesNotFitIsCutAndSaid) {
  Text<8> text;
  text.Str("abcdef").Str("ghi");
  EXPECT_STREQ(text.data(), "abcdefg");
  EXPECT_TRUE(text.cut());
  text.Clear();
  EXPECT_STREQ(text.data(), "");
  EXPECT_FALSE(text.cut());
}

TEST(TextTest, ErrnoTextsAreTheSystems) {
  EXPECT_STREQ(ErrnoText(ENOSPC), "No space left on device");
  EXPECT_STREQ(ErrnoText(123456), "unknown error");
}

TEST(HexTest, ReadsDigitsAndStandsBehindThem) {
  const char* at = "7f00ffffabcd-0 DEAD";
  EXPECT_EQ(ReadHex(&at), 0x7f00ffffabcdu);
  EXPECT_STREQ(at, "-0 DEAD");
  ++at;
  EXPECT_EQ(ReadHex(&at), 0u);
  EXPECT_STREQ(at, " DEAD");
  ++at;
  EXPECT_EQ(ReadHex(&at), 0u) << "the kernel writes them in lower case";
  EXPECT_STREQ(at, "DEAD");
  at = "ffffffffffffffff";
  EXPECT_EQ(ReadHex(&at), UINT64_MAX);
  EXPECT_STREQ(at, "");
}

}  // namespace
}  // namespace heapprof
