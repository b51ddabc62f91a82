// SPDX-License-Identifier: Apache-2.0
// What the server answers: status, fields and bodies of each page.
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <regex>
#include <vector>

#include "tests/support/profile.h"
#include "tests/system/http/served.h"

namespace heapprof::test {
namespace {

const std::string kHost = PROGRAMS_DIR "/http_host";
const std::string kBinary = "application/octet-stream", kText = "text/plain; charset=utf-8";

void ExpectError(const Reply& reply, int status, const std::string& text) {
  EXPECT_EQ(reply.status, status);
  EXPECT_EQ(reply.body, text + "\n");
  EXPECT_EQ(reply.Field("content-type"), kText);
  EXPECT_EQ(reply.Field("x-go-pprof"), "1");
  EXPECT_EQ(reply.Field("x-content-type-options"), "nosniff");
  EXPECT_EQ(reply.Field("content-disposition"), "");
}

TEST(HttpServer, ProfilesAreWholeAndRight) {
  Served host({kHost, "work"});
  const Reply heap = host.Get("/debug/pprof/heap");
  EXPECT_EQ(heap.status, 200);
  EXPECT_EQ(heap.Field("content-type"), kBinary);
  EXPECT_EQ(heap.Field("content-disposition"), "attachment; filename=\"heap\"");
  EXPECT_EQ(heap.Field("x-content-type-options"), "nosniff");
  const HeapProfile profile = ParseProfile(heap.body);
  ASSERT_EQ(profile.error(), "");
  EXPECT_EQ(profile.In("AllocateKnown").inuse_space, 101024) << "with the vector's";
  for (const char* name :
       {"allocs", "threadcreate", "threads", "goroutine", "block", "mutex", "memory", "peak", "growth"}) {
    const Reply reply = host.Get("/debug/pprof/" + std::string(name));
    EXPECT_EQ(reply.status, 200) << name;
    EXPECT_EQ(reply.Field("content-type"), kBinary) << name;
    EXPECT_EQ(reply.Field("content-disposition"), "attachment; filename=\"" + std::string(name) + "\"");
    EXPECT_EQ(TypedProfile(reply.body).error(), "") << name;
  }
  EXPECT_TRUE(host.Finish().ok());
}

TEST(HttpServer, TextHasSymbolsAndNoFileName) {
  Served host({kHost, "work"});
  const Reply heap = host.Get("/debug/pprof/heap?debug=1");
  EXPECT_EQ(heap.Field("content-type"), kText);
  EXPECT_EQ(heap.Field("content-disposition"), "");
  EXPECT_EQ(heap.body.rfind("heap profile: ", 0), 0u);
  EXPECT_NE(heap.body.find("AllocateKnown"), std::string::npos);
  const Reply threads = host.Get("/debug/pprof/goroutine?debug=2");
  EXPECT_EQ(threads.Field("content-type"), kText);
  EXPECT_NE(threads.body.find("worker"), std::string::npos) << threads.body;
  EXPECT_EQ(threads.body.find("heapprof-http"), std::string::npos)
      << "its own thread is none of the program's";
}

TEST(HttpServer, DifferencesTellOfTheTimeBetween) {
  Served host({kHost, "work"});
  const char* const names[] = {"heap", "goroutine", "threadcreate", "block", "mutex"};
  std::vector<std::unique_ptr<Connection>> connections;
  for (const char* name : names) {
    connections.push_back(std::make_unique<Connection>(host.address()));
    connections.back()->Send("GET /debug/pprof/" + std::string(name) + "?seconds=1 HTTP/1.1\r\n\r\n");
  }
  const Reply reply = ParseReply(connections[0]->ReadAll());
  EXPECT_EQ(reply.Field("content-disposition"), "attachment; filename=\"heap-delta\"");
  const TypedProfile profile(reply.body);
  ASSERT_EQ(profile.error(), "");
  EXPECT_EQ(profile.In("inuse_space", "AllocateKnown"), 0);
  EXPECT_EQ(profile.In("alloc_space", "AllocateKnown"), 0);
  EXPECT_GT(profile.In("alloc_objects", "Worker"), 0);
  EXPECT_EQ(profile.In("alloc_space", "Worker"), 100 * profile.In("alloc_objects", "Worker"));
  EXPECT_GE(profile.proto().duration_nanos(), 1'000'000'000);
  EXPECT_LT(profile.proto().duration_nanos(), 20'000'000'000);
  for (size_t i = 1; i < connections.size(); ++i) {
    const TypedProfile none(ParseReply(connections[i]->ReadAll()).body);
    EXPECT_EQ(none.error(), "") << names[i];
    // Threads may have another state by then, which makes two entries of one.
    for (const std::string& type : none.Types()) {
      EXPECT_EQ(none.Total(type.substr(0, type.find('/'))), 0) << names[i];
    }
  }
}

TEST(HttpServer, DifferencesSinceTheLastRequestLoseNothing) {
  Served host({kHost, "work"});
  TypedProfile first(host.Get("/debug/pprof/delta_heap").body);
  ASSERT_EQ(first.error(), "");
  EXPECT_EQ(first.In("alloc_objects", "AllocateKnown"), 108) << "blocks, and the vector as it grows";
  const Reply reply = host.Get("/debug/pprof/delta_heap");
  EXPECT_EQ(reply.Field("content-disposition"), "attachment; filename=\"heap.pprof.gz\"");
  const TypedProfile second(reply.body);
  ASSERT_EQ(second.error(), "");
  EXPECT_EQ(second.In("alloc_objects", "AllocateKnown"), 0);
  EXPECT_EQ(second.In("inuse_space", "AllocateKnown"), first.In("inuse_space", "AllocateKnown"));
  EXPECT_EQ(host.Get("/debug/pprof/delta_block").status, 200);
  EXPECT_EQ(host.Get("/debug/pprof/delta_mutex").status, 200);
  ExpectError(host.Get("/debug/pprof/delta_peak"), 404, "Unknown profile");
}

TEST(HttpServer, ClocksRunBesideOtherRequests) {
  Served host({kHost, "work"});
  const Connection first(host.address());
  ASSERT_TRUE(first.Send("GET /debug/pprof/profile?seconds=1 HTTP/1.1\r\n\r\n"));
  ExpectError(host.Get("/debug/pprof/profile?seconds=1"), 500,
              "Could not enable CPU profiling: cpu profiling already in use");
  EXPECT_EQ(host.Get("/debug/pprof/heap").status, 200);
  const Reply cpu = ParseReply(first.ReadAll());
  EXPECT_EQ(cpu.status, 200);
  EXPECT_EQ(cpu.Field("content-disposition"), "attachment; filename=\"profile\"");
  const CountProfile profile(cpu.body);
  ASSERT_EQ(profile.error(), "");
  EXPECT_GT(profile.In("Burn"), 20);
  const Reply wall = host.Get("/debug/pprof/wall?seconds=1");
  EXPECT_EQ(wall.Field("content-disposition"), "attachment; filename=\"wall\"");
  const CountProfile looks(wall.body);
  ASSERT_EQ(looks.error(), "");
  EXPECT_GT(looks.In("WaitForEnd"), 0);
}

TEST(HttpServer, ErrorsAreGos) {
  Served host({kHost, "work"});
  ExpectError(host.Get("/debug/pprof/nope"), 404, "Unknown profile");
  for (const char* seconds : {"x", "0", "-1", "1.5", "99999999999999999999"}) {
    ExpectError(host.Get("/debug/pprof/heap?seconds=" + std::string(seconds)), 400,
                "invalid value for \"seconds\" - must be a positive integer");
  }
  ExpectError(host.Get("/debug/pprof/peak?seconds=1"), 400,
              "\"seconds\" parameter is not supported for this profile type");
  ExpectError(host.Get("/debug/pprof/heap?seconds=1&debug=1"), 400,
              "seconds and debug params are incompatible");
  const Reply elsewhere = host.Get("/favicon.ico");
  EXPECT_EQ(elsewhere.status, 404);
  EXPECT_EQ(elsewhere.body, "404 page not found\n");
  const Reply moved = host.Get("/debug/pprof");
  EXPECT_EQ(moved.status, 301);
  EXPECT_EQ(moved.Field("location"), "/debug/pprof/");
}

TEST(HttpServer, ALongRedirectIsWhole) {
  Served host({kHost, "steps"});
  const std::string query = "?" + std::string(1500, 'a');
  const Reply reply = host.Get("/debug//pprof/heap" + query);
  EXPECT_EQ(reply.status, 301);
  EXPECT_EQ(reply.Field("location"), "/debug/pprof/heap" + query);
  EXPECT_EQ(reply.Field("connection"), "close");
  // What does not fit is no place.
  EXPECT_EQ(host.Get("/debug//pprof/heap?" + std::string(4000, 'a')).status, 404);
}

TEST(HttpServer, HeadHasTheFieldsOfGetAndNoBody) {
  Served host({kHost, "work"});
  const Reply reply = Ask(host.address(), "HEAD", "/debug/pprof/heap");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Field("content-type"), kBinary);
  EXPECT_EQ(reply.body, "");
  EXPECT_EQ(Ask(host.address(), "POST", "/debug/pprof/heap", "gc=1").status, 200) << "as Go has it";
}

TEST(HttpServer, TheIndexLeadsToEachProfile) {
  Served host({kHost, "work"});
  const Reply index = host.Get("/debug/pprof/");
  EXPECT_EQ(index.Field("content-type"), "text/html; charset=utf-8");
  const std::regex link("href='([^']*)'");
  int links = 0;
  for (std::sregex_iterator at(index.body.begin(), index.body.end(), link), end; at != end; ++at) {
    const std::string target = (*at)[1];
    ++links;
    if (target.rfind("profile", 0) == 0 || target.rfind("wall", 0) == 0) continue;
    EXPECT_EQ(host.Get("/debug/pprof/" + target).status, 200) << target;
  }
  EXPECT_EQ(links, 13) << index.body;
}

TEST(HttpServer, TheCommandLineIsNulJoined) {
  Served host({kHost, "work"});
  EXPECT_EQ(host.Get("/debug/pprof/cmdline").body, kHost + std::string(1, '\0') + "work");
}

TEST(HttpServer, AddressesGetTheirNames) {
  Served host({kHost, "work"});
  EXPECT_EQ(host.Get("/debug/pprof/symbol").body, "num_symbols: 1\n");
  const HeapProfile profile = ParseProfile(host.Get("/debug/pprof/heap").body);
  std::string addresses;
  for (const auto& location : profile.proto().location()) {
    char word[32];
    snprintf(word, sizeof(word), "%s0x%lx", addresses.empty() ? "" : "+", location.address());
    addresses += word;
  }
  // More than fits in one piece.
  std::string many = addresses;
  while (many.size() < 100000) many += "+" + addresses;
  for (const std::string& body : {addresses, many}) {
    const Reply reply = Ask(host.address(), "POST", "/debug/pprof/symbol", body);
    EXPECT_EQ(reply.body.rfind("num_symbols: 1\n", 0), 0u);
    EXPECT_TRUE(std::regex_search(reply.body, std::regex("0x[0-9a-f]+ .*AllocateKnown")))
        << reply.body.substr(0, 400);
  }
  EXPECT_NE(host.Get("/debug/pprof/symbol?" + addresses).body.find("AllocateKnown"), std::string::npos);
  EXPECT_EQ(Ask(host.address(), "POST", "/debug/pprof/symbol", "garbage+0x+12+0xffffffffffffffffff+0x1").body,
            "num_symbols: 1\n");
}

TEST(HttpServer, MetricsAreOpenMetrics) {
  Served host({kHost, "work"});
  const Reply reply = host.Get("/metrics");
  EXPECT_EQ(reply.Field("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_EQ(reply.body.substr(reply.body.size() - 6), "# EOF\n");
  auto value = [&](const std::string& name) {
    const size_t at = reply.body.find("\n" + name + " ");
    return at == std::string::npos ? -1.0 : std::stod(reply.body.substr(at + name.size() + 2));
  };
  EXPECT_GE(value("heapprof_inuse_bytes"), 100000);
  EXPECT_EQ(value("heapprof_sample_interval_bytes"), 1);
  EXPECT_EQ(value("process_threads"), 2);
  double sum = 0;
  const std::regex cause("\nheapprof_resident_bytes\\{[^}]*\\} ([0-9]+)");
  for (std::sregex_iterator at(reply.body.begin(), reply.body.end(), cause), end; at != end; ++at) {
    sum += std::stod((*at)[1]);
  }
  EXPECT_NEAR(sum, value("process_resident_memory_bytes"), 1 << 20)
      << "of two moments, beside the answer itself";
}

TEST(HttpServer, OptionsAreShownAndSet) {
  Served host({kHost, "work"});
  EXPECT_NE(host.Get("/debug/heapprof/options").body.find("sample_interval=1\n"), std::string::npos);
  const std::string form = "Content-Type: application/x-www-form-urlencoded\r\n",
                    page = "/debug/heapprof/options";
  const Reply set = Ask(host.address(), "POST", page, "sample_interval=64k&contention_interval=10us", form);
  EXPECT_EQ(set.status, 200);
  EXPECT_NE(set.body.find("sample_interval=64k\n"), std::string::npos);
  EXPECT_NE(set.body.find("contention_interval=10us\n"), std::string::npos);
  EXPECT_NE(host.Get("/metrics").body.find("heapprof_sample_interval_bytes 65536\n"), std::string::npos);
  EXPECT_EQ(Ask(host.address(), "POST", page + "?dump_on_growth=1m").status, 200);
  EXPECT_EQ(Ask(host.address(), "POST", page, "sample_interval=x", form).body,
            "sample_interval: bad value\n");
  // All or none, whatever the order.
  EXPECT_EQ(Ask(host.address(), "POST", page, "sample_interval=1&dump_every=x", form).body,
            "dump_every: bad value\n");
  EXPECT_EQ(Ask(host.address(), "POST", page, "sample_interval=1&max_frames=5", form).status, 400);
  EXPECT_NE(host.Get(page).body.find("sample_interval=64k\n"), std::string::npos);
  EXPECT_EQ(Ask(host.address(), "POST", page, "max_frames=5", form).status, 400);
  EXPECT_EQ(Ask(host.address(), "POST", page, "sample_intervall=1&sample_interval=1", form).body,
            "sample_intervall: no such option\n");
  EXPECT_EQ(Ask(host.address(), "POST", page).status, 400);
  EXPECT_EQ(Ask(host.address(), "POST", page, "sample_interval=1", form + "Origin: http://evil\r\n").status,
            403);
  const Reply refused = Ask(host.address(), "DELETE", page);
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.Field("allow"), "GET, HEAD, POST");
  EXPECT_TRUE(host.Finish().ok());
}

}  // namespace
}  // namespace heapprof::test
