// SPDX-License-Identifier: Apache-2.0
// URLs, and what becomes of requests to servers that answer oddly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "tests/support/files.h"
#include "tools/base/failure.h"
#include "tools/net/http_client.h"
#include "tools/net/url.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using tools::Failure;
using tools::net::HttpAnswer;
using tools::net::HttpClient;
using tools::net::HttpRequest;
using tools::net::ParseUrl;
using tools::net::QueryValue;
using tools::net::Url;

TEST(UrlTest, PartsAreFound) {
  const Url url = ParseUrl("pyroscope+https://me:p%40ss%3a@[::1]:4040/a/b/?x=1%20&y=");
  EXPECT_EQ(url.scheme, "pyroscope+https");
  EXPECT_EQ(url.user, "me");
  EXPECT_EQ(url.password, "p@ss:");
  EXPECT_EQ(url.host, "[::1]");
  EXPECT_EQ(url.port, 4040);
  EXPECT_EQ(url.path, "/a/b");
  EXPECT_EQ(QueryValue(url.query, "x"), "1 ");
  EXPECT_EQ(QueryValue(url.query, "z"), "");
  EXPECT_EQ(tools::net::UrlText(url), "pyroscope+https://[::1]:4040/a/b?x=1%20&y=");
  EXPECT_EQ(ParseUrl("a://h").path, "");
  EXPECT_EQ(ParseUrl("a://[::1]").port, 0);
  EXPECT_EQ(tools::net::UrlEncoded("a b{}=\xff~"), "a%20b%7B%7D%3D%FF~");
}

TEST(UrlTest, WhatIsNoneIsRefusedWithoutShowingAPassword) {
  for (const char* text : {"",
                           "host",
                           "://h",
                           "a://",
                           "a://u:secret@",
                           "a://u:secret@h:0",
                           "a://u:secret@h:65536",
                           "a://u:secret@h:x",
                           "a://u:secret@h:",
                           "a://u:secret@h /x",
                           "a://u:secret@h\n",
                           "a://::1",
                           "a://[::1",
                           "a://::1]",
                           "a://[h",
                           "a://[]",
                           "a://[::1]x",
                           "a://h\\x",
                           "a://h#f",
                           "a://h/x#f",
                           "a://h/x?y#f",
                           "a://u:1/secret@h",
                           "a://u:1?secret@h",
                           "a://u:1#secret@h",
                           "a://u:secret@h%00"}) {
    try {
      ParseUrl(text);
      ADD_FAILURE() << text;
    } catch (const Failure& failure) {
      EXPECT_THAT(failure.what(), Not(HasSubstr("secret"))) << text;
    }
  }
}

// A server behind a socket in the file system; it does for each connection what the test says.
class Server {
 public:
  using Serve = std::function<void(int fd)>;
  explicit Server(Serve serve) {
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    thread_ = std::thread([this, serve = std::move(serve)] {
      for (int fd; (fd = accept(listener_, nullptr, nullptr)) >= 0; close(fd)) {
        ++connections;
        serve(fd);
      }
    });
  }
  ~Server() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string path() const { return dir_ / "socket"; }
  HttpAnswer Ask(HttpRequest request) {
    request.url = "http://service/x";
    request.unix_socket = path();
    return client_.Do(request);
  }
  std::atomic<int> connections{0};

 private:
  TempDir dir_;
  int listener_;
  std::thread thread_;
  HttpClient client_;
};

// Until what was read has `end` at its end, or nothing more comes.
std::string ReadUntil(int fd, const std::string& end) {
  std::string text;
  char piece[4096];
  ssize_t got;
  while ((text.size() < end.size() || text.substr(text.size() - end.size()) != end) &&
         (got = read(fd, piece, sizeof piece)) > 0) {
    text.append(piece, static_cast<size_t>(got));
  }
  return text;
}

void Say(int fd, const std::string& text) {
  EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), ssize_t(text.size()));
}

HttpRequest Post(std::string_view body) {
  HttpRequest request;
  request.method = "POST";
  request.body = body;
  request.timeout_seconds = 20;
  return request;
}

TEST(HttpClientTest, AnswersComeWithStatusHeadersAndBody) {
  std::string seen;
  Server server([&](int fd) {
    seen = ReadUntil(fd, "body");
    Say(fd, "HTTP/1.1 429 Slow\r\nRetry-After:  7 \r\nX-Empty:\r\nContent-Length: 5\r\n\r\nlater");
  });
  HttpRequest request = Post("body");
  request.headers = {{"X-Scope-OrgID", "tenant"}, {"X-Nothing", ""}};
  request.user = "me";
  request.password = "secret";
  const HttpAnswer answer = server.Ask(request);
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.error, "");
  EXPECT_EQ(answer.body, "later");
  EXPECT_EQ(answer.header("retry-after"), "7");
  EXPECT_EQ(answer.header("x-empty"), "");
  EXPECT_THAT(seen, HasSubstr("POST /x HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("X-Scope-OrgID: tenant\r\n"));
  EXPECT_THAT(seen, HasSubstr("X-Nothing:\r\n"));
  EXPECT_THAT(seen, HasSubstr("Authorization: Basic bWU6c2VjcmV0\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("Expect")));
}

TEST(HttpClientTest, WhatEndsWithoutAnAnswerMayBeDoneIfAllOfItWentOut) {
  Server server([](int fd) { ReadUntil(fd, "body"); });
  const HttpAnswer answer = server.Ask(Post("body"));
  EXPECT_EQ(answer.status, 0);
  EXPECT_NE(answer.error, "");
  EXPECT_TRUE(answer.may_be_done);
}

TEST(HttpClientTest, WhatDidNotGoOutWholeIsNotDone) {
  Server server([](int fd) {
    char first;
    EXPECT_EQ(read(fd, &first, 1), 1);  // and no more
  });
  const std::string large(8 << 20, 'x');
  const HttpAnswer answer = server.Ask(Post(large));
  EXPECT_EQ(answer.status, 0);
  EXPECT_FALSE(answer.may_be_done);
}

TEST(HttpClientTest, NobodyThereIsNothingDone) {
  HttpClient client;
  HttpRequest request = Post("body");
  request.url = "http://service/";
  request.unix_socket = "/nonexistent/socket";
  const HttpAnswer answer = client.Do(request);
  EXPECT_EQ(answer.status, 0);
  EXPECT_FALSE(answer.may_be_done);
  EXPECT_NE(answer.error, "");
}

// The connection is kept, and ends when the second request has been read on it.
TEST(HttpClientTest, ARequestIsNotMadeTwiceWhenAKeptConnectionEnds) {
  std::atomic<int> requests{0};
  Server server([&](int fd) {
    while (!ReadUntil(fd, "body").empty()) {
      if (++requests % 2 == 0) return;
      Say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  EXPECT_EQ(server.Ask(Post("body")).status, 200);
  const HttpAnswer answer = server.Ask(Post("body"));
  EXPECT_EQ(answer.status, 0);
  EXPECT_TRUE(answer.may_be_done);
  EXPECT_EQ(requests, 2);
}

TEST(HttpClientTest, AnswersAreBounded) {
  Server server([](int fd) {
    ReadUntil(fd, "\r\n\r\n");
    Say(fd, "HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, 'x'));
  });
  HttpRequest request;
  request.max_answer_bytes = 1000;
  const HttpAnswer answer = server.Ask(request);
  EXPECT_EQ(answer.body.size(), 1000);
  EXPECT_THAT(answer.error, HasSubstr("more than 1000 bytes"));
}

TEST(HttpClientTest, SlowServersAreNotWaitedFor) {
  Server server([](int fd) {
    ReadUntil(fd, "body");
    char end;
    EXPECT_EQ(read(fd, &end, 1), 0);  // until the client goes
  });
  HttpRequest request = Post("body");
  request.timeout_seconds = 0.05;
  const HttpAnswer answer = server.Ask(request);
  EXPECT_EQ(answer.status, 0);
  EXPECT_TRUE(answer.may_be_done);
}

TEST(HttpClientTest, LineFeedsInHeadersAreRefused) {
  HttpClient client;
  HttpRequest request;
  request.url = "http://127.0.0.1:1/";
  request.bearer = "token\r\nX-More: 1";
  EXPECT_THROW(client.Do(request), Failure);
}

}  // namespace
}  // namespace heapprof::test
