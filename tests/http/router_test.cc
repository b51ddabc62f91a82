// SPDX-License-Identifier: Apache-2.0
// From a request to its answer: routes, pages, options, over profiles that are none.
#include <errno.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/options.h"
#include "http/exchange.h"
#include "tests/http/fake_profiles.h"

namespace heapprof::http {
namespace {

class Router : public testing::Test {
 protected:
  Router() { Fake() = {}; }
  ~Router() override {
    EXPECT_FALSE(Fake().cpu || Fake().wall);
    EXPECT_EQ(Fake().moments, 0);
  }

  struct Reply {
    int status;
    std::string type, body;
    int64_t wait;
    bool found;
  };
  Reply Ask(const std::string& method, const std::string& target, const std::string& body = "",
            const std::string& fields = "", bool finish = true) {
    const std::string head = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + fields +
                             "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    Request request;
    EXPECT_EQ(ParseHead(head.data(), head.size(), &request), kComplete) << head;
    request.body = {body.data(), body.size()};
    Exchange exchange({CallerKind::kOwnThread, {}});
    const int64_t wait = exchange.Begin(request);
    if (wait > 0 && finish) exchange.Finish();
    const Answer& answer = exchange.answer();
    for (size_t i = 0; i < answer.field_count(); ++i)
      fields_[answer.fields()[i].name] = answer.fields()[i].value;
    return {answer.status(), answer.type(), std::string(answer.body().data(), answer.body().size()), wait,
            exchange.found()};
  }
  Reply Get(const std::string& target) { return Ask("GET", target); }
  Reply Post(const std::string& form, const std::string& more = "") {
    return Ask("POST", "/debug/heapprof/options", form,
               "Content-Type: application/x-www-form-urlencoded\r\n" + more);
  }

  std::map<std::string, std::string> fields_;
};

TEST_F(Router, FindsEachPage) {
  EXPECT_EQ(Get("/metrics").body, "metrics");
  EXPECT_EQ(Get("/debug/pprof/heap").body, "own heap 0");
  EXPECT_EQ(fields_["Content-Disposition"], "attachment; filename=\"heap\"");
  EXPECT_EQ(Get("/debug/pprof/heap?debug=1").type, "text/plain; charset=utf-8");
  EXPECT_EQ(Get("/debug/pprof/heap?debug=2").body, "own heap 1");
  EXPECT_EQ(Get("/debug/pprof/goroutine?debug=2").body, "own threads 2");
  EXPECT_EQ(Get("/debug/pprof/delta_heap").body, "since last heap");
  EXPECT_EQ(Get("/debug/pprof/%68eap").body, "own heap 0");
  EXPECT_EQ(Get("/debug/pprof/cmdline").status, 200);
  EXPECT_EQ(Get("/debug/pprof/symbol").body, "num_symbols: 1\n");
  EXPECT_EQ(Get("http://host/metrics").body, "metrics");
}

TEST_F(Router, OtherPathsLeadThereOrNowhere) {
  for (const char* path : {"/debug/pprof", "/debug//pprof", "/debug/x/../pprof"}) {
    EXPECT_EQ(Get(path + std::string("?a=b")).status, 301) << path;
    EXPECT_EQ(fields_["Location"], "/debug/pprof/?a=b") << path;
  }
  EXPECT_FALSE(Get("/x//y").found);
  EXPECT_EQ(Get("/debug/pprof/none").body, "Unknown profile\n");
  EXPECT_EQ(Get("/debug/pprof/none").status, 404);
  EXPECT_EQ(fields_["X-Go-Pprof"], "1");
  for (const char* path : {"/", "/debug", "/debug/heapprof", "/debug/heapprof/options/", "/metrics/"}) {
    const Reply reply = Get(path);
    EXPECT_EQ(reply.status, 404) << path;
    EXPECT_FALSE(reply.found) << path;
  }
  EXPECT_EQ(Get("/%zz").status, 400);
  EXPECT_EQ(Get("/" + std::string(3000, 'a')).status, 400);
  EXPECT_EQ(Ask("HEAD", "/debug/pprof").body, "");
}

TEST_F(Router, DifferencesAreOfPositiveSeconds) {
  EXPECT_EQ(Get("/debug/pprof/heap?seconds=5").wait, 5'000'000'000);
  EXPECT_EQ(Get("/debug/pprof/heap?seconds=5").body, "since heap");
  EXPECT_EQ(fields_["Content-Disposition"], "attachment; filename=\"heap-delta\"");
  for (const char* bad : {"0", "-1", "x", "86401", "99999999999999999999"}) {
    EXPECT_EQ(Get("/debug/pprof/heap?seconds=" + std::string(bad)).body,
              "invalid value for \"seconds\" - must be a positive integer\n");
  }
  EXPECT_EQ(Get("/debug/pprof/memory?seconds=5").body,
            "\"seconds\" parameter is not supported for this profile type\n");
  EXPECT_EQ(Get("/debug/pprof/heap?seconds=5&debug=1").body, "seconds and debug params are incompatible\n");
  EXPECT_EQ(Get("/debug/pprof/delta_heap?seconds=5").status, 400);
  EXPECT_EQ(Ask("GET", "/debug/pprof/heap?seconds=5", "", "", false).wait, 5'000'000'000)
      << "nobody waits for it";
}

TEST_F(Router, ClocksRunForAWhile) {
  EXPECT_EQ(Get("/debug/pprof/profile?seconds=2").body, "ticks");
  EXPECT_EQ(Get("/debug/pprof/profile?seconds=-2").wait, 30'000'000'000);
  EXPECT_EQ(Get("/debug/pprof/wall").body, "looks");
  EXPECT_EQ(Ask("GET", "/debug/pprof/profile", "", "", false).body, "");
  Fake().cpu = Fake().wall = true;
  EXPECT_EQ(Get("/debug/pprof/profile").body,
            "Could not enable CPU profiling: cpu profiling already in use\n");
  EXPECT_EQ(Get("/debug/pprof/wall").status, 500);
  Fake() = {};
}

TEST_F(Router, WhatFailsIsAnErrorAndNoHalfProfile) {
  Fake().error = -ENOMEM;
  const Reply reply = Get("/debug/pprof/heap");
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body, "Could not write the profile: Cannot allocate memory\n");
  EXPECT_EQ(Get("/debug/pprof/heap?seconds=1").body, "failed to collect profile\n");
  EXPECT_EQ(Get("/debug/pprof/profile").body, "Could not enable CPU profiling: Cannot allocate memory\n");
  Fake().error = -EEXIST;
  EXPECT_EQ(Get("/debug/pprof/profile").body,
            "Could not enable CPU profiling: the program uses SIGPROF or ITIMER_PROF itself\n");
}

TEST_F(Router, IndexNamesEachProfileOnce) {
  NamedProfile* made = nullptr;
  const int error = ProcessProfiles().Make("a<b>'&:c", &made);
  ASSERT_TRUE(error == 0 || error == -EEXIST);
  const Reply index = Get("/debug/pprof/");
  EXPECT_EQ(index.type, "text/html; charset=utf-8");
  for (const char* name : {"allocs", "cmdline", "heap", "profile", "threads", "wall"}) {
    const std::string link = "<a href='" + std::string(name) + "?debug=1'>" + name + "</a>";
    const size_t at = index.body.find(link);
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_EQ(index.body.find(link, at + 1), std::string::npos) << name;
  }
  // No address of another kind, and no tag.
  EXPECT_NE(index.body.find("<a href='./a%3Cb%3E%27&amp;:c?debug=1'>a&lt;b&gt;&#39;&amp;:c</a>"),
            std::string::npos);
  EXPECT_EQ(Get("/debug/pprof/a%3Cb%3E%27&:c").status, 200);
}

TEST_F(Router, NamesOfAddressesComeLineByLine) {
  EXPECT_EQ(Ask("POST", "/debug/pprof/symbol", "0xzz+18446744073709551616+0x0").body, "num_symbols: 1\n");
  const std::string many = "0xffffffffffffffff+" + std::string(5000, '+') + "12";
  EXPECT_EQ(Ask("POST", "/debug/pprof/symbol", many).body, "num_symbols: 1\n");
  EXPECT_EQ(Get("/debug/pprof/symbol?0x1+0x2").status, 200);
}

TEST_F(Router, OptionsAreAllSetOrNone) {
  EXPECT_NE(Get("/debug/heapprof/options").body.find("sample_interval=512k\n"), std::string::npos);
  const Reply set = Post("sample_interval=64k&dump_every=10m");
  EXPECT_EQ(set.status, 200);
  EXPECT_NE(set.body.find("sample_interval=64k\n"), std::string::npos);
  for (const auto& [form, line] :
       {std::pair("sample_interval=1&dump_every=x", "dump_every: bad value\n"),
        std::pair("sample_interval=1&dump_evry=1m", "dump_evry: no such option\n"),
        std::pair("sample_interval=1&max_frames=5",
                  "max_frames: holds from the start to the end of the program\n"),
        std::pair("sample_interval=1&dump_every=", "dump_every: bad value\n"),
        std::pair("sample_interval=1&dump_every", "dump_every: bad value\n"),
        std::pair("sample_interval=1&dump_every=%zz", "dump_every: bad value\n"),
        std::pair("sample_interval=1;dump_every=1m", "sample_interval=1;dump_every=1m: no such option\n"),
        std::pair("%0a%c3=1", "??: no such option\n"), std::pair("%=1", "%: no such option\n"),
        std::pair("=1", ": no such option\n"), std::pair("", "no option is given; GET lists them\n")}) {
    const Reply refused = Post(form);
    EXPECT_EQ(refused.status, 400) << form;
    EXPECT_EQ(refused.body, line) << form;
    EXPECT_EQ(Fake().interval, "64k") << form;
  }
  EXPECT_EQ(Ask("POST", "/debug/heapprof/options?sample_interval=1k").status, 200);
  EXPECT_EQ(Ask("POST", "/debug/heapprof/options?nothing=1", "sample_interval=2k").body,
            "nothing: no such option\n");
  EXPECT_EQ(Fake().interval, "1k");
  EXPECT_EQ(Post("sample_interval=1", "Origin: http://localhost\r\n").status, 403);
  EXPECT_EQ(Ask("PUT", "/debug/heapprof/options").status, 405);
  EXPECT_EQ(fields_["Allow"], "GET, HEAD, POST");
}

}  // namespace
}  // namespace heapprof::http
