// SPDX-License-Identifier: Apache-2.0
// Go's own net/http/pprof is asked the same, answer by answer.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/system/http/served.h"

namespace heapprof::test {
namespace {

// Go's server, for all tests.
class GoServer {
 public:
  GoServer() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    const int input = ends[0];
    Command command;
    command.argv = {GO_SERVER};
    command.before_exec = [input] { dup2(input, 0); };
    process_ = std::make_unique<Process>(command);
    close(ends[0]);
    input_ = ends[1];
    if (!process_->WaitForOutput("\n")) return;
    const std::string& said = process_->so_far().out;
    address_ = said.substr(said.rfind('/') + 1, said.find('\n') - said.rfind('/') - 1);
  }
  ~GoServer() { close(input_); }
  const std::string& address() const { return address_; }

 private:
  std::unique_ptr<Process> process_;
  int input_ = -1;
  std::string address_;
};

class AsGo : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    g_go = new GoServer;
    g_host = new Served({PROGRAMS_DIR "/http_host", "work"});
  }
  static void TearDownTestSuite() {
    delete g_host;
    delete g_go;
  }
  void SetUp() override {
    ASSERT_NE(g_go->address(), "");
    ASSERT_NE(g_host->address(), "");
  }
  // Sends the same to both. `same_body`: of errors, and of what has nothing of the process in it.
  static void ExpectSame(const std::string& method, const std::string& target, bool same_body,
                         const std::string& body = "", const std::string& fields = "") {
    const Connection to_go(g_go->address()), to_us(g_host->address());
    const std::string request = MakeRequest(method, target, body, fields);
    ASSERT_TRUE(to_go.Send(request) && to_us.Send(request));
    const bool is_head = method == "HEAD";
    const Reply go = ParseReply(to_go.ReadAll(), is_head), ours = ParseReply(to_us.ReadAll(), is_head);
    const std::string what = method + " " + target;
    EXPECT_NE(go.status, 0) << what;
    EXPECT_EQ(ours.status, go.status) << what;
    for (const char* name :
         {"content-type", "content-disposition", "x-content-type-options", "x-go-pprof", "location"}) {
      EXPECT_EQ(ours.Field(name), go.Field(name)) << what << ": " << name;
    }
    EXPECT_NE(ours.Field("date"), "") << what;
    if (same_body) {
      EXPECT_EQ(ours.body, go.body) << what;
    }
  }

  static GoServer* g_go;
  static Served* g_host;
};
GoServer* AsGo::g_go;
Served* AsGo::g_host;

TEST_F(AsGo, Profiles) {
  for (const char* name : {"heap", "allocs", "goroutine", "threadcreate", "block", "mutex"}) {
    const std::string target = "/debug/pprof/" + std::string(name);
    for (const char* query :
         {"", "?debug=0", "?debug=1", "?debug=x", "?debug=-1", "?debug=99999999999999999999", "?gc=1",
          "?seconds=", "?unknown=1", "?debug=1&debug=0"}) {
      ExpectSame("GET", target + query, false);
    }
    ExpectSame("HEAD", target, false);
    ExpectSame("POST", target, false, "gc=1", "Content-Type: application/x-www-form-urlencoded\r\n");
    ExpectSame("DELETE", target, false);
  }
  ExpectSame("GET", "/debug/pprof/goroutine?debug=2", false);
  ExpectSame("POST", "/debug/pprof/heap", false, "debug=1",
             "Content-Type: application/x-www-form-urlencoded\r\n");
  ExpectSame("POST", "/debug/pprof/heap?debug=1", false, "debug=0",
             "Content-Type: application/x-www-form-urlencoded\r\n");
  ExpectSame("GET", "/debug/pprof/he%61p", false);
}

TEST_F(AsGo, Errors) {
  for (const char* target :
       {"/debug/pprof/nope", "/debug/pprof/nope?seconds=1", "/debug/pprof/heap/",
        "/debug/pprof/heap?seconds=x", "/debug/pprof/heap?seconds=0", "/debug/pprof/heap?seconds=-3",
        "/debug/pprof/heap?seconds=1.5", "/debug/pprof/heap?seconds=99999999999999999999",
        "/debug/pprof/heap?seconds=%201", "/debug/pprof/heap?seconds=1&debug=1",
        "/debug/pprof/heap?seconds=1&debug=9", "/debug/pprof/peak?seconds=1", "/debug/pprof/peak?seconds=x",
        "/debug", "/debug/pprofx", "/nothing"}) {
    ExpectSame("GET", target, true);
  }
}

TEST_F(AsGo, DifferencesAndProfilesOfATime) {
  ExpectSame("GET", "/debug/pprof/heap?seconds=1", false);
  ExpectSame("GET", "/debug/pprof/profile?seconds=1", false);
}

// Go's ServeMux sends clients to the path without what means nothing.
TEST_F(AsGo, PathsAreCleaned) {
  for (const char* target :
       {"/debug/pprof?a=b", "//debug/pprof/heap", "/debug/./pprof/heap?debug=1", "/debug/x/../pprof/heap",
        "/debug/pprof//", "/debug/pprof/.", "/debug/pprof/%2e", "/debug/pprof/..", "/../..",
        "/debug/pprof/%2e%2e/pprof/", "/debug//%20%22%3c'&", "/debug/pprof/heap/./"}) {
    ExpectSame("GET", target, true);
    ExpectSame("HEAD", target, true);
    ExpectSame("POST", target, true, "x");
  }
}

TEST_F(AsGo, ASecondCpuProfileIsRefused) {
  const std::string ask = MakeRequest("GET", "/debug/pprof/profile?seconds=1");
  const std::string addresses[] = {g_go->address(), g_host->address()};
  std::vector<std::unique_ptr<Connection>> connections;
  for (const std::string& address : addresses) {
    for (int i = 0; i < 2; ++i) {
      connections.push_back(std::make_unique<Connection>(address));
      ASSERT_TRUE(connections.back()->Send(ask));
    }
  }
  std::string bodies[2];
  // Go serves each client by itself: which of the two comes first is open.
  for (size_t i = 0; i < connections.size(); ++i) {
    const Reply reply = ParseReply(connections[i]->ReadAll());
    if (reply.status == 200) continue;
    EXPECT_EQ(reply.status, 500);
    EXPECT_EQ(reply.Field("x-go-pprof"), "1");
    EXPECT_EQ(reply.Field("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(reply.Field("content-disposition"), "");
    bodies[i / 2] += reply.body;
  }
  EXPECT_NE(bodies[0], "");
  EXPECT_EQ(bodies[1], bodies[0]);
}

TEST_F(AsGo, PagesBesideThem) {
  ExpectSame("GET", "/debug/pprof", true);
  ExpectSame("GET", "/debug/pprof/", false);
  ExpectSame("GET", "/debug/pprof/?a=b", false);
  ExpectSame("GET", "/debug/pprof/cmdline", false);
  ExpectSame("GET", "/debug/pprof/symbol", true);
  ExpectSame("GET", "/debug/pprof/symbol?0x1+0x2+x+0", true);
  ExpectSame("POST", "/debug/pprof/symbol", true, "0x1+0x2");
  ExpectSame("POST", "/debug/pprof/symbol?0x1", true, "+");
}

}  // namespace
}  // namespace heapprof::test
