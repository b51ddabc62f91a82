// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace heapprof {
namespace {

size_t Prefix(std::string_view text) { return Utf8Prefix(text.data(), text.size()); }

TEST(Utf8Test, WellFormedTextIsTakenWhole) {
  for (std::string_view text : {"", "a", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc2\x80",
                                "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
                                "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", kReplacement}) {
    EXPECT_EQ(Prefix(text), text.size()) << text;
    EXPECT_TRUE(IsUtf8(std::string(text).c_str()));
  }
  EXPECT_EQ(Prefix(std::string_view("\0x", 2)), 2u);
}

TEST(Utf8Test, TheRestIsNot) {
  for (std::string_view bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf",
                               "\xe2\x82", "\xe2(\xac", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
                               "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe"}) {
    EXPECT_EQ(Prefix(bad), 0u);
    EXPECT_EQ(Prefix("ok\xc3\xa9" + std::string(bad)), 4u);
    EXPECT_FALSE(IsUtf8(std::string(bad).c_str()));
  }
}

}  // namespace
}  // namespace heapprof
