// SPDX-License-Identifier: Apache-2.0
#include "leak/report/suppressions.h"

#include <gtest/gtest.h>

namespace heapprof::leak {
namespace {

TEST(Pattern, MatchesAnywhere) {
  EXPECT_TRUE(PatternMatches("Serve", "Server::Serve(int)"));
  EXPECT_TRUE(PatternMatches("Server", "Server"));
  EXPECT_FALSE(PatternMatches("serve", "Server"));
  EXPECT_FALSE(PatternMatches("Server", "Serve"));
  EXPECT_FALSE(PatternMatches("Serve", ""));
  EXPECT_FALSE(PatternMatches("", "Serve"));
}

TEST(Pattern, StarsStandForAnything) {
  EXPECT_TRUE(PatternMatches("lib*foo*", "/usr/lib/x/libfoo.so"));
  EXPECT_TRUE(PatternMatches("a*b*c", "xxaYYbZZcxx"));
  EXPECT_TRUE(PatternMatches("*", "anything"));
  EXPECT_TRUE(PatternMatches("**a", "bba"));
  EXPECT_FALSE(PatternMatches("a*b*c", "acb"));
}

TEST(Pattern, AnchorsHoldAtTheEnds) {
  EXPECT_TRUE(PatternMatches("^main$", "main"));
  EXPECT_FALSE(PatternMatches("^main$", "main2"));
  EXPECT_FALSE(PatternMatches("^main$", "xmain"));
  EXPECT_TRUE(PatternMatches("^ab*yz$", "abyz"));
  EXPECT_TRUE(PatternMatches("^ab*yz$", "ab...yz"));
  EXPECT_FALSE(PatternMatches("^ab*byz$", "abyz"));  // the two pieces must not overlap
  EXPECT_TRUE(PatternMatches("yz$", "yzyz"));
  EXPECT_TRUE(PatternMatches("^a*", "abc"));
  EXPECT_TRUE(PatternMatches("a$b", "xa$by"));  // a dollar sign like any other
}

TEST(SuppressionList, FirstThatMatchesIsFound) {
  char text[] = "# comment\n\nleak:one\r\n\tleak:two \nleak:on\n";
  Suppressions list;
  list.Add(text, "test");
  ASSERT_EQ(list.count(), 3u);
  EXPECT_EQ(list.Match("xonex"), &list.at(0));
  EXPECT_EQ(list.Match("two"), &list.at(1));
  EXPECT_EQ(list.Match("on"), &list.at(2));
  EXPECT_EQ(list.Match("three"), nullptr);
}

}  // namespace
}  // namespace heapprof::leak
