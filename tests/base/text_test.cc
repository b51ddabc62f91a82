// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <errno.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace heapprof
