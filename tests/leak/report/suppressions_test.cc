// SPDX-License-Identifier: Apache-2.0
#include "leak/report/suppressions.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace heapprof::leak {
namespace {

struct PatternCase {
  const char* pattern;
  const char* text;
  bool matches;
};

void ExpectAll(std::initializer_list<PatternCase> cases) {
  for (const PatternCase& one : cases) {
    EXPECT_EQ(PatternMatches(one.pattern, one.text), one.matches) << one.pattern << " in " << one.text;
  }
}

TEST(Pattern, MatchesAnywhere) {
  ExpectAll({{"Serve", "Server::Serve(int)", true},
             {"Server", "Server", true},
             {"serve", "Server", false},
             {"Server", "Serve", false},
             {"Serve", "", false},
             {"", "Serve", false}});
}

TEST(Pattern, StarsStandForAnything) {
  ExpectAll({{"lib*foo*", "/usr/lib/x/libfoo.so", true},
             {"a*b*c", "xxaYYbZZcxx", true},
             {"*", "anything", true},
             {"**a", "bba", true},
             {"a*b*c", "acb", false}});
}

TEST(Pattern, AnchorsHoldAtTheEnds) {
  ExpectAll({{"^main$", "main", true},
             {"^main$", "main2", false},
             {"^main$", "xmain", false},
             {"^ab*yz$", "abyz", true},
             {"^ab*yz$", "ab...yz", true},
             {"^ab*byz$", "abyz", false},  // the two pieces must not overlap
             {"yz$", "yzyz", true},
             {"^a*", "abc", true},
             {"a$b", "xa$by", true}});  // a dollar sign like any other
}

TEST(SuppressionList, FirstThatMatchesIsFound) {
  char text[] = "# comment\n\nleak:one\r\n\tleak:two \nleak: \ton\nleak: \n";
  Suppressions list;
  list.Add(text, "test");
  ASSERT_EQ(list.count(), 3u);  // blanks alone are no pattern
  EXPECT_EQ(list.Match("xonex"), &list.at(0));
  EXPECT_EQ(list.Match("two"), &list.at(1));
  EXPECT_EQ(list.Match("on"), &list.at(2));
  EXPECT_EQ(list.Match("three"), nullptr);
}

}  // namespace
}  // namespace heapprof::leak
