// SPDX-License-Identifier: Apache-2.0
#include "http/answer.h"

#include <gtest/gtest.h>
#include <time.h>

#include <string>

namespace heapprof::http {
namespace {

std::string HeadOf(const Answer& answer, int64_t now) {
  Text<1024> head;
  answer.WriteHead(now, &head);
  EXPECT_FALSE(head.cut());
  return head.data();
}

TEST(Answer, HeadOfAProfile) {
  Answer answer;
  answer.Begin(kOk, "application/octet-stream");
  answer.SetFileName("heap", "-delta");
  answer.Str("12345");
  EXPECT_EQ(
      HeadOf(answer, 784111777),
      "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
      "Content-Disposition: attachment; filename=\"heap-delta\"\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
      "Content-Length: 5\r\nConnection: close\r\n\r\n");
}

TEST(Answer, DatesAreThoseOfTheCalendar) {
  Answer answer;
  for (int64_t day = 0; day < 60000; day += 13) {
    const time_t now = day * 86400 + day % 86400;
    tm parts = {};
    gmtime_r(&now, &parts);
    char expected[64];
    strftime(expected, sizeof(expected), "\r\nDate: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    ASSERT_NE(HeadOf(answer, now).find(expected), std::string::npos) << expected;
  }
}

TEST(Answer, AFileNameCannotLeaveItsQuotes) {
  Answer answer;
  answer.Begin(kOk, "x");
  answer.SetFileName("a\"b\r\nSet-Cookie: c\\\xff", "");
  EXPECT_STREQ(answer.fields()[0].value, "attachment; filename=\"a_b__Set-Cookie:_c__\"");
}

TEST(Answer, AnErrorHasNothingOfWhatWasBegun) {
  Answer answer;
  answer.Begin(kOk, "application/octet-stream");
  answer.SetFileName("heap", "");
  answer.Str("half of it");
  answer.Fail(kServerError, "no");
  EXPECT_EQ(answer.status(), 500);
  EXPECT_STREQ(answer.type(), "text/plain; charset=utf-8");
  ASSERT_EQ(answer.field_count(), 2u);
  EXPECT_STREQ(answer.fields()[1].name, "X-Go-Pprof");
  EXPECT_EQ(std::string(answer.body().data(), answer.body().size()), "no\n");
}

TEST(Answer, EscapesHtml) {
  Answer answer;
  answer.Escaped("<a href='b'>&\"").UDec(UINT64_MAX).Dec(INT64_MIN).Hex(0xabc);
  EXPECT_EQ(std::string(answer.body().data(), answer.body().size()),
            "&lt;a href=&#39;b&#39;&gt;&amp;&#34;18446744073709551615-92233720368547758080xabc");
}

}  // namespace
}  // namespace heapprof::http
