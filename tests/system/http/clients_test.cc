// SPDX-License-Identifier: Apache-2.0
// Clients that are slow, rude, gone, or many.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "tests/support/profile.h"
#include "tests/system/http/served.h"

namespace heapprof::test {
namespace {

const std::string kHost = PROGRAMS_DIR "/http_host";
const std::string kAsk = "GET /debug/pprof/cmdline HTTP/1.1\r\n\r\n";

TEST(HttpClients, AHundredSlowOnesKeepNobodyOut) {
  Served host({kHost, "steps"});
  std::vector<std::unique_ptr<Connection>> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(std::make_unique<Connection>(host.address()));
    slow.back()->Send("GET /debug");
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(host.Get("/debug/pprof/cmdline").status, 200);
  slow.clear();
  EXPECT_TRUE(host.Finish().ok());
}

TEST(HttpClients, WhoReadsSlowlyHoldsNoLock) {
  Served host({kHost, "steps"});
  std::vector<std::unique_ptr<Connection>> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(std::make_unique<Connection>(host.address()));
    const int small = 1;
    setsockopt(slow.back()->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    slow.back()->Send("GET /debug/pprof/heap?debug=1 HTTP/1.1\r\n\r\n");
  }
  EXPECT_EQ(host.Get("/debug/pprof/heap").status, 200);
  // The dump of a signal needs the same lock.
  kill(host.pid(), SIGUSR2);
  while (FindProfiles(host.dir().path()).empty()) usleep(1000);
  EXPECT_EQ(ParseReply(slow.front()->ReadAll()).status, 200);
}

// More than sockets hold, to clients that read nothing.
TEST(HttpClients, ThoseWhoReadNothingKeepNobodyOut) {
  Served host({kHost, "steps"});
  const HeapProfile profile = ParseProfile(host.Get("/debug/pprof/heap").body);
  ASSERT_EQ(profile.error(), "");
  std::string word;
  for (const auto& location : profile.proto().location()) {
    // Those of frames that stand for something have none.
    if (location.address() != 0) word = "+" + std::to_string(location.address());
  }
  std::string addresses = "0";
  while (addresses.size() < 400000) addresses += word;
  const std::string request = MakeRequest("POST", "/debug/pprof/symbol", addresses);
  std::vector<std::unique_ptr<Connection>> slow;
  for (int i = 0; i < 64; ++i) {
    slow.push_back(std::make_unique<Connection>(host.address()));
    const int small = 1;
    setsockopt(slow.back()->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    ASSERT_TRUE(slow.back()->Send(request));
  }
  EXPECT_EQ(host.Get("/debug/pprof/cmdline").status, 200);
}

TEST(HttpClients, ProfilesOfATimeDoNotTakeAllPlaces) {
  Served host({kHost, "steps"});
  std::vector<std::unique_ptr<Connection>> waiting;
  for (int i = 0; i < 64; ++i) {
    waiting.push_back(std::make_unique<Connection>(host.address()));
    waiting.back()->Send(MakeRequest("GET", "/debug/pprof/heap?seconds=1000"));
  }
  EXPECT_EQ(host.Get("/debug/pprof/cmdline").status, 200);
  const Reply refused = ParseReply(waiting.back()->ReadAll());
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.body, "too many profiles of a time are under way\n");
  waiting.clear();
  EXPECT_EQ(host.Get("/debug/pprof/heap?seconds=1").status, 200);
}

TEST(HttpClients, ARequestMayComeByteForByte) {
  Served host({kHost, "steps"});
  const Connection connection(host.address());
  for (char c : kAsk) ASSERT_TRUE(connection.Send(std::string(1, c)));
  EXPECT_EQ(ParseReply(connection.ReadAll()).status, 200);
}

TEST(HttpClients, RubbishIsRefusedAndForgotten) {
  Served host({kHost, "steps"});
  const size_t descriptors = host.Descriptors();
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const Connection connection(host.address());
    std::string rubbish(random() % 20000, '\0');
    for (char& c : rubbish) c = static_cast<char>(random());
    if (round % 3 == 0) rubbish = kAsk.substr(0, random() % kAsk.size());
    connection.Send(rubbish);
    if (round % 2 == 0) connection.EndSending();
    if (round % 4 == 0) {
      // 200 of what happened to be a request there is none.
      EXPECT_NE(ParseReply(connection.ReadAll(1)).status, 200);
    }
  }
  for (const char* text : {"GET / HTTP/3\r\n\r\n", "\r\n\r\n\r\nBREW /\r\n\r\n",
                           "POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n"}) {
    const Connection connection(host.address());
    connection.Send(text);
    EXPECT_GE(ParseReply(connection.ReadAll()).status, 400) << text;
  }
  const Connection large(host.address());
  large.Send("GET / HTTP/1.1\r\nA: " + std::string(20000, 'x'));
  EXPECT_EQ(ParseReply(large.ReadAll()).status, 431) << "although much of it is unread";
  EXPECT_EQ(host.Get("/debug/pprof/cmdline").status, 200);
  EXPECT_EQ(host.Descriptors(), descriptors);
  EXPECT_TRUE(host.Finish().ok());
}

TEST(HttpClients, WhoGoesAwayEndsHisProfile) {
  Served host({kHost, "steps"});
  {
    const Connection connection(host.address());
    connection.Send("GET /debug/pprof/profile?seconds=100 HTTP/1.1\r\n\r\n");
    EXPECT_EQ(host.Get("/debug/pprof/cmdline").status, 200);
  }
  // 500 as long as the first runs.
  while (host.Get("/debug/pprof/profile?seconds=1").status != 200) {
  }
}

TEST(HttpClients, WhatOthersSendAndDoNotTakeIsBounded) {
  Served host({kHost, "steps"});
  const long resident = host.StatusValue("VmRSS");
  const std::string body(4 << 20, '+');
  std::vector<std::unique_ptr<Connection>> many;
  for (int i = 0; i < 40; ++i) {
    many.push_back(std::make_unique<Connection>(host.address()));
    const std::string request = MakeRequest("POST", "/debug/pprof/symbol", body);
    // Who is refused does not take it all.
    for (size_t at = 0; at + 1 < request.size();) {
      const size_t piece = std::min<size_t>(request.size() - 1 - at, 1 << 20);
      if (!many.back()->Send(request.substr(at, piece))) break;
      at += piece;
    }
  }
  EXPECT_EQ(ParseReply(many.back()->ReadAll(5)).status, 503);
  EXPECT_LT(host.StatusValue("VmHWM"), resident + (64 << 10)) << "KiB";
  EXPECT_EQ(host.Get("/debug/pprof/heap").status, 200);
}

TEST(HttpClients, AnswersThatNobodyTakesAreBounded) {
  Served host({kHost, "steps"});
  const std::string text = host.Get("/debug/pprof/heap?debug=1").body;
  const size_t at = text.find("0x", text.find("@ heap/") + 1);
  const std::string address = text.substr(at, text.find_first_not_of("0123456789abcdefx", at) - at) + "+";
  std::string body;
  while (body.size() + address.size() < 4 << 20) body += address;
  const long resident = host.StatusValue("VmRSS");
  std::vector<std::unique_ptr<Connection>> many;
  for (int i = 0; i < 12; ++i) {
    many.push_back(std::make_unique<Connection>(host.address()));
    const int small = 1;
    setsockopt(many.back()->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    many.back()->Send(MakeRequest("POST", "/debug/pprof/symbol", body));
  }
  // 200 where the others have had their time meanwhile.
  const int status = Ask(host.address(), "POST", "/debug/pprof/symbol", body).status;
  EXPECT_TRUE(status == 503 || status == 200) << status;
  EXPECT_LT(host.StatusValue("VmHWM"), resident + (80 << 10)) << "KiB; without a bound it is 110 MiB";
  EXPECT_EQ(host.Get("/debug/pprof/heap").status, 200) << "as it is short";
}

TEST(HttpClients, WhoIsRefusedMayNotGoOnForEver) {
  Served host({kHost, "steps"});
  const Connection flood(host.address());
  ASSERT_TRUE(flood.Send("BREW\r\n"));
  const std::string piece(1 << 20, 'x');
  int sent = 0;
  while (sent < 200 && flood.Send(piece)) ++sent;
  EXPECT_LT(sent, 200) << "MiB";
}

TEST(HttpClients, PagesOfOtherNamesAreNotBelieved) {
  Served host({kHost, "steps"});
  const std::string port = host.address().substr(host.address().find(':'));
  for (const char* name :
       {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "1.2.3.4x", "a:b"}) {
    const Connection connection(host.address());
    connection.Send("GET /debug/pprof/cmdline HTTP/1.1\r\nHost: " + (name + port) + "\r\n\r\n");
    EXPECT_EQ(ParseReply(connection.ReadAll()).status, 403) << name << ": a name that anybody can point here";
  }
  for (const char* name : {"localhost", "LocalHost", "a.localhost", "127.0.0.1", "[::1]", "10.1.2.3", ""}) {
    const Connection connection(host.address());
    connection.Send("GET /debug/pprof/cmdline HTTP/1.1\r\nHost: " + (name + port) + "\r\n\r\n");
    EXPECT_EQ(ParseReply(connection.ReadAll()).status, 200) << name;
  }
  const Connection twice(host.address());
  twice.Send("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(ParseReply(twice.ReadAll()).status, 400);
  // No browser comes by such a socket.
  TempDir dir;
  const std::string path = "unix:" + (dir / "sock");
  Served local({kHost, "steps"}, "http=" + path);
  const Connection connection(path);
  connection.Send("GET /debug/pprof/cmdline HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(ParseReply(connection.ReadAll()).status, 200);
}

TEST(HttpClients, ManyRequestsLeaveNothingBehind) {
  Served host({kHost, "steps"});
  const char* const targets[] = {"/debug/pprof/heap", "/debug/pprof/threads?debug=2", "/metrics", "/nope"};
  for (int i = 0; i < 40; ++i) host.Get(targets[i % 4]);
  const long resident = host.StatusValue("VmRSS"), size = host.StatusValue("VmSize");
  const size_t descriptors = host.Descriptors();
  const int rounds = 500 * SoakFactor();
  for (int i = 0; i < rounds; ++i) {
    const Reply reply = host.Get(targets[i % 4]);
    ASSERT_EQ(reply.status, i % 4 == 3 ? 404 : 200) << i;
  }
  EXPECT_LE(host.StatusValue("VmRSS"), resident + 512) << "KiB";
  EXPECT_LE(host.StatusValue("VmSize"), size + 512) << "KiB";
  EXPECT_EQ(host.Descriptors(), descriptors);
  EXPECT_EQ(host.Threads(), 2u);
  EXPECT_TRUE(host.Finish().ok());
}

TEST(HttpClients, ALocalSocketIsItsOwnersAndGoesWithTheProgram) {
  TempDir dir;
  const std::string path = dir / "server.sock";
  Served host({kHost, "steps"}, "http=unix:" + path);
  EXPECT_EQ(Get("unix:" + path, "/debug/pprof/cmdline").status, 200);
  struct stat file = {};
  ASSERT_EQ(stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  // A second program does not take it away.
  Served second({kHost, "steps"}, "http=unix:" + path);
  EXPECT_NE(second.process().so_far().err.find("it is in use"), std::string::npos);
  EXPECT_TRUE(second.Finish().ok());
  EXPECT_EQ(Get("unix:" + path, "/debug/pprof/cmdline").status, 200);
  EXPECT_TRUE(host.Finish().ok());
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(HttpClients, ALocalSocketGoesWithAProgramThatASignalEnds) {
  TempDir dir;
  const std::string path = dir / "server.sock";
  for (const char* options : {"http=unix:", "dump_at_exit=1:http=unix:"}) {
    Served host({kHost, "steps"}, options + path);
    ASSERT_EQ(access(path.c_str(), F_OK), 0);
    kill(host.pid(), SIGTERM);
    const Result result = host.process().Wait();
    EXPECT_EQ(result.signal, SIGTERM) << result.err;
    EXPECT_NE(access(path.c_str(), F_OK), 0) << options;
  }
}

TEST(HttpClients, ALocalSocketThatWasLeftIsReplaced) {
  TempDir dir;
  const std::string path = dir / "server.sock";
  {
    Served killed({kHost, "steps"}, "http=unix:" + path);
    kill(killed.pid(), SIGKILL);
  }
  ASSERT_EQ(access(path.c_str(), F_OK), 0);
  Served host({kHost, "steps"}, "http=unix:" + path);
  EXPECT_EQ(Get("unix:" + path, "/debug/pprof/cmdline").status, 200);
  // Another's file is not.
  const std::string victim = dir / "victim";
  WriteFile(victim, "content");
  Served other({kHost, "steps"}, "http=unix:" + victim);
  EXPECT_EQ(ReadFile(victim), "content");
}

TEST(HttpClients, AnAbstractNameLeavesNoFile) {
  const std::string name = "unix:@heapprof-test-" + std::to_string(getpid());
  Served host({kHost, "steps"}, "http=" + name);
  EXPECT_EQ(Get(name, "/debug/pprof/heap").status, 200);
}

TEST(HttpClients, APortInUseIsSaidInOneLineAndTheProgramGoesOn) {
  Served host({kHost, "steps"});
  const std::string port = host.address().substr(host.address().find(':') + 1);
  Served second({kHost, "steps"}, "http=" + port);
  const Result result = second.Finish();
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.err, "heapprof: no HTTP at http://127.0.0.1:" + port +
                            ": it is in use; the program goes on without\n");
  Served third({kHost, "steps"}, "http=nonsense");
  EXPECT_NE(third.Finish().err.find("http=nonsense is no address"), std::string::npos);
}

}  // namespace
}  // namespace heapprof::test
