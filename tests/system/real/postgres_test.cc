// SPDX-License-Identifier: Apache-2.0
// PostgreSQL: initdb, a server of many processes, and pgbench on it, all of them under the library.
#include <grp.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "tests/system/real/real.h"

namespace heapprof::test {
namespace {

constexpr uid_t kNobody = 65534;

// The folder of the server's programs, which are not in PATH.
std::string ServerFolder() {
  std::error_code ignored;
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    newest = std::max(newest, (entry.path() / "bin").string());
  }
  return newest;
}

class Postgres : public AtInterval {
 protected:
  // What the programs printed that must not depend on the library.
  struct Answers {
    std::string initdb, bench, sums;
  };

  Answers Work(bool under_the_library) {
    TempDir work;
    Answers answers;
    const auto command = [&](std::vector<std::string> argv) {
      argv[0] = ServerFolder() + "/" + argv[0];
      Command made = Under(profiles_, argv, Options());
      if (!under_the_library) made.env.clear();
      made.env.insert(made.env.end(), {{"LC_ALL", "C"}, {"TZ", "UTC"}, {"HOME", work.path()}});
      made.directory = work.path();
      made.before_exec = [] {  // the server refuses to be root's
        if (geteuid() == 0 && (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0))
          _exit(125);
      };
      return made;
    };
    const auto run = [&](const std::vector<std::string>& argv) {
      const Result result = RunProgram(command(argv));
      EXPECT_TRUE(result.ok()) << result.Describe();
      return result.out;
    };
    answers.initdb = run({"initdb", "-D", "data", "-A", "trust", "-U", "tester", "--no-sync", "-E", "UTF8"});
    Process server(command({"postgres", "-D", "data", "-k", work.path(), "-c", "listen_addresses=", "-c",
                            "fsync=off", "-c", "autovacuum=off"}));
    if (!server.WaitForError("ready to accept connections")) {
      ADD_FAILURE() << server.so_far().Describe();
      return answers;
    }
    const std::vector<std::string> to_server = {"-h", work.path(), "-U", "tester"};
    const auto ask = [&](std::vector<std::string> argv, const std::vector<std::string>& more) {
      argv.insert(argv.end(), to_server.begin(), to_server.end());
      argv.insert(argv.end(), more.begin(), more.end());
      return run(argv);
    };
    ask({"pgbench"}, {"-i", "-s", "1", "-q", "postgres"});
    const std::string bench =
        ask({"pgbench"}, {"-c", "4", "-j", "2", "-t", "100", "--random-seed=7", "postgres"});
    const size_t processed = bench.find("number of transactions actually processed");
    if (processed != std::string::npos)
      answers.bench = bench.substr(processed, bench.find('\n', processed) - processed);
    answers.sums =
        ask({"psql"}, {"-At", "-c",
                       "select count(*), sum(abalance) from pgbench_accounts; select sum(tbalance) from "
                       "pgbench_tellers; select md5(string_agg(aid::text || ':' || abalance, ' ' order by "
                       "aid)) from pgbench_accounts",
                       "postgres"});
    EXPECT_EQ(kill(server.pid(), SIGINT), 0);
    const Result end = server.Wait();
    EXPECT_EQ(end.exit_status, 0) << end.Describe();
    EXPECT_EQ(end.err.find("terminated by signal"), std::string::npos) << end.err;
    return answers;
  }
};
INTERVALS(Postgres);

TEST_P(Postgres, InitdbAndPgbench) {
  ASSERT_NE(ServerFolder(), "") << "install the package postgresql";
  static const Answers plain = Work(false);
  const Answers profiled = Work(true);
  EXPECT_EQ(profiled.initdb, plain.initdb);
  EXPECT_NE(plain.bench.find("400/400"), std::string::npos) << plain.bench;
  EXPECT_EQ(profiled.bench, plain.bench);
  EXPECT_EQ(profiled.sums, plain.sums);
  ExpectProfiles(10000);
  // initdb and what it starts, the server, its helpers and a backend for each connection, the clients
  EXPECT_GE(FindProfiles(profiles_.path()).size(), 15u);
}

}  // namespace
}  // namespace heapprof::test
