// SPDX-License-Identifier: Apache-2.0
// Ten leaks planted into the work of a real program: all found, and none besides.
#include <unistd.h>

#include <set>

#include "tests/system/leak/leak_run.h"

namespace heapprof::test {
namespace {

constexpr int kLeaks = 23;
constexpr uint64_t kPlanted = 10, kFirstSize = 20000;

// `argv` with the planting library preloaded, and ours.
Command Planted(const TempDir& dir, const std::vector<std::string>& argv) {
  Command command = Checked(dir, argv);
  for (auto& [name, value] : command.env) {
    if (name == "LD_PRELOAD") value = Program("leak_planted.so") + ":" + value;
  }
  return command;
}

void ExpectThePlantedLeaks(const Result& result) {
  EXPECT_EQ(result.exit_status, kLeaks) << result.Describe();
  const std::vector<Leak> leaks = ParseReport(result.err);
  std::set<uint64_t> sizes;
  for (const Leak& leak : leaks) {
    EXPECT_EQ(leak.kind, "Direct leak of");
    EXPECT_EQ(leak.blocks, 1u);
    EXPECT_TRUE(leak.Has(" in void (anonymous namespace)::PlantLeak<") || leak.Has("PlantLeak"))
        << "not planted: " << leak.frames[0];
    sizes.insert(leak.bytes);
  }
  EXPECT_EQ(leaks.size(), kPlanted) << result.err;
  ASSERT_EQ(sizes.size(), kPlanted);
  EXPECT_EQ(*sizes.begin(), kFirstSize);
  EXPECT_EQ(*sizes.rbegin(), kFirstSize + kPlanted - 1);
}

TEST(Planted, InSqlite) {
  ASSERT_TRUE(HaveProgram("sqlite3")) << "install the package sqlite3";
  TempDir dir;
  const std::string sql =
      "create table t(a integer primary key, b text); create index i on t(b);"
      "insert into t with recursive c(n) as (select 1 union all select n+1 from c where n<5000)"
      " select n, hex(randomblob(40)) from c; update t set b = b || 'x' where a % 3 = 0; delete from t where "
      "a % 7 = 0;"
      "select count(*), max(length(b)) from t; vacuum;";
  const std::vector<std::string> argv = {"sqlite3", dir / "base.db", sql};
  const Result clean = RunProgram(Checked(dir, argv));
  EXPECT_EQ(clean.exit_status, 0) << clean.Describe();
  EXPECT_EQ(clean.err, "");
  unlink((dir / "base.db").c_str());
  ExpectThePlantedLeaks(RunProgram(Planted(dir, argv)));
}

class Redis : public testing::TestWithParam<bool> {};

TEST_P(Redis, UnderItsBenchmark) {
  ASSERT_TRUE(HaveProgram("redis-server")) << "install the package redis-server";
  TempDir dir;
  const std::string port = std::to_string(FreePort());
  const std::vector<std::string> argv = {"redis-server", "--port", port,      "--bind",
                                         "127.0.0.1",    "--save", "",        "--appendonly",
                                         "no",           "--dir",  dir.path()};
  Command command = GetParam() ? Planted(dir, argv) : Checked(dir, argv);
  Process server(command);
  ASSERT_TRUE(server.WaitForOutput("Ready to accept connections")) << server.so_far().Describe();
  const Result load = RunProgram(
      {{"redis-benchmark", "-p", port, "-q", "-n", "2000", "-r", "500", "-t", "set,get,lpush,hset,zadd"},
       {},
       "",
       60,
       {}});
  EXPECT_TRUE(load.ok()) << load.Describe();
  RunProgram({{"redis-cli", "-p", port, "eval", "return redis.call('get', 'x')", "0"}, {}, "", 60, {}});
  RunProgram({{"redis-cli", "-p", port, "bgsave"}, {}, "", 60, {}});
  RunProgram({{"redis-cli", "-p", port, "shutdown", "nosave"}, {}, "", 60, {}});
  const Result end = server.Wait();
  if (GetParam()) {
    ExpectThePlantedLeaks(end);
  } else {
    EXPECT_EQ(end.exit_status, 0) << end.Describe();
    EXPECT_EQ(ParseReport(end.err).size(), 0u) << end.err;
  }
}
INSTANTIATE_TEST_SUITE_P(Leaks, Redis, testing::Values(false, true),
                         [](const testing::TestParamInfo<bool>& info) {
                           return std::string(info.param ? "Planted" : "None");
                         });

}  // namespace
}  // namespace heapprof::test
