// SPDX-License-Identifier: Apache-2.0
// What programs do to the server, and what the server does not do to programs.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "tests/support/profile.h"
#include "tests/system/http/served.h"
#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

const std::string kHost = PROGRAMS_DIR "/http_host";

void ExpectServed(const Served& host) {
  const Reply reply = host.Get("/debug/pprof/heap");
  ASSERT_EQ(reply.status, 200);
  const HeapProfile profile = ParseProfile(reply.body);
  EXPECT_EQ(profile.error(), "");
  EXPECT_GE(profile.In("AllocateKnown").inuse_space, 100000);
}

void ExpectEndsWell(Served* host) {
  const Result result = host->Finish();
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_NE(result.out.find("OK\n"), std::string::npos);
}

TEST(HttpHost, HasNoDescriptorAndNoBlockOfTheServers) {
  Served host({kHost, "steps"}), without({kHost, "steps"}, "");
  ExpectServed(host);
  EXPECT_EQ(host.Descriptors(), without.Descriptors());
  // Nothing is allocated for it: the program's own calls are all that is in the profile.
  const HeapProfile profile = ParseProfile(host.Get("/debug/pprof/allocs").body);
  EXPECT_EQ(profile.Total(), ParseProfile(host.Get("/debug/pprof/allocs").body).Total());
  ExpectEndsWell(&host);
}

TEST(HttpHost, MayCloseAllDescriptors) {
  Served host({kHost, "closes"});
  ExpectServed(host);
  ExpectEndsWell(&host);
}

TEST(HttpHost, ForksChildrenThatDoNotServe) {
  Served host({kHost, "forks"});
  for (int i = 0; i < 10; ++i) {
    const Reply reply = host.Get("/debug/pprof/heap");
    ASSERT_EQ(reply.status, 200);
    EXPECT_NE(ParseProfile(reply.body).Comments().find("pid: " + std::to_string(host.pid()) + "\n"),
              std::string::npos);
  }
  ExpectEndsWell(&host);
}

TEST(HttpHost, GivesUpItsRightsInAllThreads) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  Served host({kHost, "root"});
  ExpectServed(host);
  const std::string tasks = "/proc/" + std::to_string(host.pid()) + "/task/";
  std::string first;
  for (const std::string& tid : ListDir(tasks)) {
    const std::string status = ReadFile(tasks + tid + "/status");
    const std::string rights = status.substr(status.find("\nUid:"), 60) +
                               status.substr(status.find("\nGroups:"), 20) +
                               status.substr(status.find("\nCapInh:"), 140);
    if (first.empty()) first = rights;
    EXPECT_EQ(rights, first);
    EXPECT_NE(status.find("\nNoNewPrivs:\t1"), std::string::npos);
  }
  EXPECT_EQ(host.Threads(), 2u);
  ExpectEndsWell(&host);
}

// Whatever keeps the program's thread from the server's: neither waits, and none has rights that were given
// up.
class HttpHostAtARemove : public testing::TestWithParam<const char*> {};

TEST_P(HttpHostAtARemove, GivesUpItsRightsInAllThreads) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  const auto begin = std::chrono::steady_clock::now();
  Served host({kHost, GetParam()});
  if (host.process().so_far().err.find("CHECK") != std::string::npos) GTEST_SKIP() << "no namespaces here";
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4))
      << "5 s is for a thread that hangs";
  const std::string tasks = "/proc/" + std::to_string(host.pid()) + "/task/";
  for (const std::string& tid : ListDir(tasks)) {
    const std::string status = ReadFile(tasks + tid + "/status");
    EXPECT_NE(status.find("\nUid:\t65534\t65534\t65534\t65534\n"), std::string::npos) << status;
  }
  ExpectServed(host);
  ExpectEndsWell(&host);
}

INSTANTIATE_TEST_SUITE_P(Hosts, HttpHostAtARemove, testing::Values("full", "network"));

TEST(HttpHost, KeepsItsPortWhileItsRightsChange) {
  Served host({kHost, "changes"});
  ExpectServed(host);
  const size_t descriptors = host.Descriptors();
  host.Send("x");
  for (int i = 0; i < 60; ++i) {
    const Connection connection(host.address());
    ASSERT_TRUE(connection.connected()) << i << host.process().so_far().err;
    connection.Send(MakeRequest("GET", "/debug/pprof/heap"));
    // Whoever was being served when the thread ended is cut off.
    const int status = ParseReply(connection.ReadAll()).status;
    EXPECT_TRUE(status == 200 || status == 0) << status;
  }
  ASSERT_TRUE(host.process().WaitForOutput("changed\n"));
  ExpectServed(host);
  EXPECT_EQ(host.Threads(), 2u);
  EXPECT_EQ(host.Descriptors(), descriptors);
  ExpectEndsWell(&host);
}

TEST(HttpHost, IsNotServedWithRightsThatItGaveUpPastLibc) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  Served host({kHost, "past_libc"});
  ExpectServed(host);
  host.Send("x");
  ASSERT_TRUE(host.process().WaitForOutput("changed\n"));
  EXPECT_EQ(host.Get("/debug/pprof/heap").status, 0);
  const Result result = host.Finish();
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_NE(result.err.find("heapprof: the program changed its rights past libc: HTTP ends here\n"),
            std::string::npos)
      << result.err;
}

TEST(HttpHost, MayUnshareAsIfItWereAlone) {
  Served host({kHost, "unshares"});
  if (host.process().so_far().err.find("CHECK") != std::string::npos)
    GTEST_SKIP() << "no user namespaces here";
  ExpectServed(host);
  ExpectEndsWell(&host);
}

TEST(HttpHost, MayChangeItsRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  TempDir root;
  Served host({kHost, "chroots", root.path()});
  EXPECT_EQ(host.Get("/debug/pprof/heap").status, 200) << "without /proc, with bare addresses";
  ExpectEndsWell(&host);
}

TEST(HttpHost, EndsWithItsLastThread) {
  Served host({kHost, "main_ends"});
  EXPECT_EQ(host.Get("/debug/pprof/threads").status, 200);
  ExpectEndsWell(&host);
}

TEST(HttpHost, VforksChildrenThatChangeTheirRights) {
  Served host({kHost, "vforks"});
  ExpectServed(host);
  ExpectEndsWell(&host);
}

TEST(HttpHost, IsServedNoMoreOnceItIsConfined) {
  Served host({kHost, "confines"});
  EXPECT_EQ(host.Threads(), 1u);
  const Result result = host.Finish();
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_NE(result.err.find("\nheapprof: the program confined itself by seccomp: HTTP ends here\n"),
            std::string::npos);
}

TEST(HttpHost, MayBeLinkedWithoutALoader) {
  TempDir dir;
  const std::string address = "unix:" + (dir / "sock");
  Served host({PROGRAMS_DIR "/http_host_static", "work"}, "http=" + address);
  const Reply reply = Get(address, "/debug/pprof/heap");
  ASSERT_EQ(reply.status, 200);
  EXPECT_GE(ParseProfile(reply.body).In("AllocateKnown").inuse_space, 100000);
  EXPECT_EQ(Get(address, "/debug/pprof/threads?debug=2").status, 200);
  ExpectEndsWell(&host);
}

TEST(HttpHost, ExecsAProgramThatIsServedInItsPlace) {
  TempDir dir;
  const std::string address = "unix:" + (dir / "sock");
  Served host({kHost, "execs"}, "http=" + address);
  EXPECT_EQ(Get(address, "/debug/pprof/cmdline").body, kHost + std::string(1, '\0') + "work");
  ExpectEndsWell(&host);
}

// A server of its own kind under load, asked for everything meanwhile.
TEST(HttpHost, RedisIsServedUnderLoad) {
  if (!HaveProgram("redis-server") || !HaveProgram("redis-benchmark"))
    GTEST_SKIP() << "redis is not installed";
  const std::string port = std::to_string(FreePort());
  Served redis({"redis-server", "--port", port, "--save", "", "--appendonly", "no"},
               "http=0:sample_interval=64k", "Ready to accept connections");
  ASSERT_NE(redis.address(), "");
  Command load;
  load.argv = {"redis-benchmark", "-p", port,     "-q", "-t", "set,lpush", "-n",
               "1000000",         "-r", "100000", "-P", "16"};
  load.timeout_seconds = 120;
  Process benchmark(load);
  const Connection cpu(redis.address());
  ASSERT_TRUE(cpu.Send(MakeRequest("GET", "/debug/pprof/profile?seconds=1")));
  int64_t objects = 0;
  for (int round = 0; round < 10; ++round) {
    const HeapProfile heap = ParseProfile(redis.Get("/debug/pprof/heap").body);
    ASSERT_EQ(heap.error(), "");
    EXPECT_GE(heap.Total().alloc_objects, objects) << "what was allocated only grows";
    objects = heap.Total().alloc_objects;
    EXPECT_EQ(TypedProfile(redis.Get("/debug/pprof/memory").body).error(), "");
    EXPECT_EQ(redis.Get("/metrics").status, 200);
    EXPECT_EQ(redis.Get("/debug/pprof/threads?debug=2").status, 200);
  }
  const CountProfile profile(ParseReply(cpu.ReadAll()).body);
  EXPECT_EQ(profile.error(), "");
  EXPECT_GT(profile.Total(), 0);
  EXPECT_GT(objects, 0);
}

// The programs of tests/system/programs: what they check holds beside the server, too.
class UnderHttp : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(UnderHttp, RunsAsWithout) {
  std::vector<std::string> argv = GetParam();
  argv[0] = HEAP_HAZARDS "/" + argv[0];
  ProgramRun run(argv,
                 "sample_interval=4k:http=unix:@heapprof-hazard-" + std::to_string(getpid()) + argv.back());
  ExpectWell(run.Execute());
  for (const std::string& line : run.Said()) {
    // A program that it starts finds the name taken.
    EXPECT_NE(line.find("it is in use"), std::string::npos) << line;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Programs, UnderHttp,
    testing::Values(std::vector<std::string>{"blocked_calls", "30"}, std::vector<std::string>{"coroutines"},
                    std::vector<std::string>{"dlopen_loop", HEAP_HAZARDS "/plugin.so", "50"},
                    std::vector<std::string>{"fork_threads", HEAP_HAZARDS "/plugin.so", "20"},
                    std::vector<std::string>{"key_destructors", "100"},
                    std::vector<std::string>{"signal_storm", "process", "20"},
                    std::vector<std::string>{"spawn", "100", "watched"},
                    std::vector<std::string>{"small_altstack"}, std::vector<std::string>{"main_ends"}),
    [](const auto& info) { return info.param[0]; });

}  // namespace
}  // namespace heapprof::test
