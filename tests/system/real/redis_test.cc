// SPDX-License-Identifier: Apache-2.0
// redis-server under redis-benchmark, with a dump in the middle by signal and one at its end.
#include <signal.h>

#include "tests/system/real/real.h"

namespace heapprof::test {
namespace {

class Redis : public AtInterval {
 protected:
  std::string Client(const std::vector<std::string>& words) {
    std::vector<std::string> argv = {"redis-cli", "-p", std::to_string(port_)};
    argv.insert(argv.end(), words.begin(), words.end());
    const Result result = WithoutTheLibrary(argv, work_.path());
    EXPECT_TRUE(result.ok()) << result.Describe();
    return result.out;
  }
  TempDir work_;
  int port_ = FreePort();
};
INTERVALS(Redis);

TEST_P(Redis, UnderItsBenchmark) {
  REQUIRE_PROGRAM("redis-server", "redis-server");
  REQUIRE_PROGRAM("redis-benchmark", "redis-tools");
  Command command = WithTheLibrary(
      {"redis-server", "--port", std::to_string(port_), "--bind", "127.0.0.1", "--save", "", "--appendonly",
       "no", "--dir", work_.path(), "--daemonize", "no", "--enable-debug-command", "yes"},
      work_.path());
  command.timeout_seconds = 100;
  Process server(command);
  ASSERT_TRUE(server.WaitForOutput("Ready to accept connections")) << server.so_far().Describe();

  const Result load = WithoutTheLibrary({"redis-benchmark", "-p", std::to_string(port_), "-q", "-n", "20000",
                                         "-r", "5000", "-d", "200", "-t", "set,get,lpush,hset"},
                                        work_.path());
  EXPECT_TRUE(load.ok()) << load.Describe();
  EXPECT_EQ(Client({"set", "known", "value"}), "OK\n");

  ASSERT_EQ(kill(server.pid(), SIGUSR2), 0);
  // the main thread takes the signal before it answers what is sent after it, or another thread does
  // meanwhile
  EXPECT_EQ(Client({"get", "known"}), "value\n");
  // a child that writes the data to a file is a fork of a server with threads
  EXPECT_EQ(Client({"save"}), "OK\n");
  Client({"bgsave"});
  EXPECT_EQ(Client({"debug", "reload"}).substr(0, 2), "OK");
  EXPECT_EQ(Client({"get", "known"}), "value\n");
  ASSERT_EQ(kill(server.pid(), SIGTERM), 0);
  const Result end = server.Wait();
  EXPECT_EQ(end.exit_status, 0) << end.Describe();

  ExpectProfiles(20000);
  const std::string by_signal = profiles_ / ("h." + std::to_string(server.pid()) + ".0001.heap.pb.gz");
  const std::string at_exit = profiles_ / ("h." + std::to_string(server.pid()) + ".0002.heap.pb.gz");
  const HeapProfile first = ReadProfile(by_signal), last = ReadProfile(at_exit);
  ASSERT_EQ(first.error(), "");
  ASSERT_EQ(last.error(), "");
  EXPECT_GE(last.Total().alloc_space, first.Total().alloc_space);
  EXPECT_GT(first.Total().inuse_space, 0);  // megabytes of lists and keys: seen at 512k too
}

}  // namespace
}  // namespace heapprof::test
