// SPDX-License-Identifier: Apache-2.0
#include "http/request.h"

#include <gtest/gtest.h>

#include <string>

namespace heapprof::http {
namespace {

std::string Of(Piece piece) { return std::string(piece.data, piece.size); }

int Status(const std::string& text) {
  Request request;
  return ParseHead(text.data(), text.size(), &request);
}

TEST(Request, LineAndFields) {
  const std::string text =
      "POST /debug/pprof/symbol?a=b HTTP/1.1\r\nHost: x\r\ncontent-LENGTH:  12 \r\n"
      "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nExpect: 100-Continue\r\n\r\nbody";
  Request request;
  ASSERT_EQ(ParseHead(text.data(), text.size(), &request), kComplete);
  EXPECT_EQ(Of(request.method), "POST");
  EXPECT_EQ(Of(request.path), "/debug/pprof/symbol");
  EXPECT_EQ(Of(request.query), "a=b");
  EXPECT_EQ(request.body_bytes, 12u);
  EXPECT_EQ(request.head_bytes, text.size() - 4);
  EXPECT_TRUE(request.is_form);
  EXPECT_TRUE(request.expects_continue);
  EXPECT_FALSE(request.has_origin);
}

TEST(Request, IsIncompleteUpToItsLastByte) {
  const std::string text = "\r\nGET / HTTP/1.0\r\nHost: x\r\n\r\n";
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_EQ(Status(text.substr(0, size)), kIncomplete) << size;
  EXPECT_EQ(Status(text), kComplete);
  EXPECT_EQ(Status("GET / HTTP/1.0\n\n"), kComplete);
}

TEST(Request, WhatIsNoRequestIsRefused) {
  const struct {
    const char* text;
    int status;
  } kCases[] = {{"GET /\r\n\r\n", 400},
                {"GET  / HTTP/1.1\r\n\r\n", 400},
                {"GET x HTTP/1.1\r\n\r\n", 400},
                {"GET / HTTP/2.0\r\n\r\n", 505},
                {"GET / HTP/1.1\r\n\r\n", 400},
                {"G(T / HTTP/1.1\r\n\r\n", 400},
                {"GET /\x01 HTTP/1.1\r\n\r\n", 400},
                {"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400},
                {"GET / HTTP/1.1\r\nName : x\r\n\r\n", 400},
                {"GET / HTTP/1.1\r\n folded\r\n\r\n", 400},
                {"GET / HTTP/1.1\r\nA: \x01\r\n\r\n", 400},
                {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
                {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
                {"POST / HTTP/1.1\r\nContent-Length: 0x10\r\n\r\n", 400},
                {"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400},
                {"POST / HTTP/1.1\r\nContent-Length: 4194305\r\n\r\n", 413},
                {"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999999\r\n\r\n", 413},
                {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
                {"\x16\x03\x01\x02\n\n", 400}};
  for (const auto& wanted : kCases) EXPECT_EQ(Status(wanted.text), wanted.status) << wanted.text;
}

TEST(Request, AHeadHasItsBound) {
  const std::string start = "GET / HTTP/1.1\r\nA: ";
  EXPECT_EQ(Status(start + std::string(kMaxHead - start.size() - 1, 'x')), kIncomplete);
  EXPECT_EQ(Status(start + std::string(kMaxHead - start.size(), 'x')), 431);
  EXPECT_EQ(Status(start + std::string(kMaxHead - start.size() - 4, 'x') + "\r\n\r\n"), kComplete);
}

TEST(Request, ATargetMayNameItsHost) {
  Piece path, query;
  ASSERT_TRUE(ParseTarget({"http://host:1/a?b", 17}, &path, &query));
  EXPECT_EQ(Of(path), "/a");
  EXPECT_EQ(Of(query), "b");
  EXPECT_FALSE(ParseTarget({"http://host", 11}, &path, &query));
  EXPECT_FALSE(ParseTarget({"*", 1}, &path, &query));
}

std::string Value(const char* query, const char* key, const char* body = "") {
  Request request;
  request.query = {query, strlen(query)};
  request.body = {body, strlen(body)};
  request.is_form = *body != '\0';
  Text<16> value;
  FormValue(request, key, &value);
  return value.data();
}

// What Go's FormValue answers for the same.
TEST(Request, ParametersAreGos) {
  EXPECT_EQ(Value("seconds=5&seconds=6", "seconds"), "5");
  EXPECT_EQ(Value("a&seconds=%35", "seconds"), "5");
  EXPECT_EQ(Value("s%65conds=5", "seconds"), "5");
  EXPECT_EQ(Value("a=b+c", "a"), "b c");
  EXPECT_EQ(Value("seconds", "seconds"), "");
  EXPECT_EQ(Value("a=1;seconds=5", "seconds"), "");
  EXPECT_EQ(Value("seconds=%zz&seconds=5", "seconds"), "5");
  EXPECT_EQ(Value("seconds=1%2", "seconds"), "");
  EXPECT_EQ(Value("seconds=5", "seconds", "seconds=7"), "7");
  EXPECT_EQ(Value("seconds=5", "seconds", "debug=1"), "5");
  EXPECT_EQ(Value("a=%00", "a"), "");
  EXPECT_EQ(Value("a=0123456789abcdef", "a"), "") << "does not fit";
}

TEST(Request, PathsAreCleaned) {
  const struct {
    const char* path;
    const char* clean;
  } kCases[] = {{"/", "/"},     {"//", "/"},           {"/a/b", "/a/b"}, {"/a//b/", "/a/b/"},
                {"/./a", "/a"}, {"/a/.", "/a"},        {"/a/..", "/"},   {"/a/../", "/"},
                {"/..", "/"},   {"/a/b/../c", "/a/c"}, {"/a/./", "/a/"}};
  for (const auto& wanted : kCases) {
    Text<64> clean;
    EXPECT_TRUE(CleanPath(wanted.path, &clean));
    EXPECT_STREQ(clean.data(), wanted.clean) << wanted.path;
  }
  std::string deep;
  for (int i = 0; i < 129; ++i) deep += "/a";
  Text<512> clean;
  EXPECT_FALSE(CleanPath(deep.c_str(), &clean));
  Text<4> small;
  EXPECT_FALSE(CleanPath("/a/b", &small));
}

TEST(Request, NumbersAreGos) {
  int64_t value;
  EXPECT_TRUE(ParseInt("+5", &value) && value == 5);
  EXPECT_TRUE(ParseInt("-9223372036854775808", &value) && value == INT64_MIN);
  EXPECT_TRUE(ParseInt("9223372036854775807", &value) && value == INT64_MAX);
  EXPECT_FALSE(ParseInt("9223372036854775808", &value));
  EXPECT_EQ(value, INT64_MAX);
  for (const char* text : {"", "+", "5s", " 5", "0x5", "1.5", "1_0"}) {
    EXPECT_FALSE(ParseInt(text, &value)) << text;
    EXPECT_EQ(value, 0) << text;
  }
}

}  // namespace
}  // namespace heapprof::http
