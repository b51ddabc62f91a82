// SPDX-License-Identifier: Apache-2.0
// Our walks, of which one remembers the last, against libunwind's inside programs that nobody here wrote:
// walk_probe.cc is preloaded.
#include <signal.h>

#include "tests/system/real/real.h"

namespace heapprof::test {
namespace {

struct Agreement {
  double stacks = 0, frames = 0, unequal = 0, truncated = 0, remembered = 0;
};

// The sum over all processes that said something.
Agreement ReadAgreement(const std::string& text) {
  Agreement sum;
  for (size_t at = 0; (at = text.find("walk_probe: ", at)) != std::string::npos; ++at) {
    double stacks, frames, nanos, unequal, truncated, remembered;
    if (sscanf(text.c_str() + at,
               "walk_probe: stacks %lf frames %lf ns %lf unequal %lf truncated %lf remembered %lf", &stacks,
               &frames, &nanos, &unequal, &truncated, &remembered) != 6) {
      continue;
    }
    sum.stacks += stacks;
    sum.frames += frames * stacks;
    sum.unequal += unequal;
    sum.truncated += truncated;
    sum.remembered += remembered;
  }
  return sum;
}

class Walk : public testing::Test {
 protected:
  // `bytes`: a stack is compared each time that many were asked for.
  Command Probed(const std::vector<std::string>& argv, int bytes) {
    Command command;
    command.argv = argv;
    command.directory = work_.path();
    command.timeout_seconds = 120;
    command.env = {{"LD_PRELOAD", WALK_PROBE_LIBRARY},
                   {"WALK_PROBE", "compare"},
                   {"WALK_PROBE_INTERVAL", std::to_string(bytes)},
                   {"WALK_PROBE_FILE", work_ / "differing"}};
    return command;
  }
  Agreement Compare(const std::vector<std::string>& argv, int bytes, double at_least) {
    const Result result = RunProgram(Probed(argv, bytes));
    EXPECT_TRUE(result.ok()) << result.Describe();
    Agreement seen = ReadAgreement(result.err);
    EXPECT_GE(seen.stacks, at_least) << result.Describe();
    EXPECT_GE(seen.frames, 3 * seen.stacks);
    return seen;
  }
  TempDir work_;
};

TEST_F(Walk, TheCompilersStacksAreLibunwinds) {
  REQUIRE_PROGRAM("g++", "g++");
  Agreement seen = Compare({"g++", "-O1", "-c", Input("heavy.cc"), "-o", "heavy.o"}, 1024, 100000);
  EXPECT_GE(seen.remembered, 0.95 * seen.stacks);
  EXPECT_LE(seen.unequal, seen.stacks / 1000);
  EXPECT_LE(seen.truncated, seen.stacks / 1000);
}

TEST_F(Walk, PythonsStacksAreLibunwinds) {
  REQUIRE_PROGRAM("/usr/bin/python3", "python3");
  Agreement seen = Compare({"/usr/bin/python3", "-c",
                            "import json, sqlite3, threading, re\n"
                            "def work():\n"
                            "    for i in range(300):\n"
                            "        json.loads(json.dumps([{'k%d' % j: [j] * 9} for j in range(40)]))\n"
                            "        re.sub('a+', lambda m: m.group() * 600, 'xaay' * 10)\n"
                            "        db = sqlite3.connect(':memory:')\n"
                            "        db.execute('create table t(a)')\n"
                            "        db.create_function('f', 1, lambda x: 'v' * x)\n"
                            "        db.execute('insert into t select f(600)')\n"
                            "threads = [threading.Thread(target=work) for _ in range(3)]\n"
                            "[t.start() for t in threads]; [t.join() for t in threads]\n"},
                           256, 20000);
  EXPECT_LE(seen.unequal, seen.stacks / 1000);
  EXPECT_LE(seen.truncated, seen.stacks / 1000);
}

// Debian's node is linked with a __libc_csu_init that has no CFI and uses rbp for something else: the stacks
// of its static constructors end there, marked, where libunwind guesses. Code of the JIT has no CFI either,
// but keeps frame pointers.
TEST_F(Walk, NodesStacksAreLibunwindsBehindItsConstructors) {
  REQUIRE_PROGRAM("node", "nodejs");
  Agreement seen = Compare({"node", "-e",
                            "let a = []; for (let i = 0; i < 1e5; i++) a.push({x: '' + i, y: [i]});"
                            "for (let i = 0; i < 20; i++) JSON.parse(JSON.stringify(a));"
                            "for (let i = 0; i < 3000; i++)"
                            "  require('crypto').createHash('sha1').update('x' + i).digest('hex')"},
                           64, 30000);
  EXPECT_LE(seen.unequal, seen.truncated);  // no stack but a marked one differs
  EXPECT_LE(seen.truncated, seen.stacks / 25);
}

TEST_F(Walk, RedisStacksAreLibunwinds) {
  REQUIRE_PROGRAM("redis-server", "redis-server");
  REQUIRE_PROGRAM("redis-benchmark", "redis-tools");
  const std::string socket = work_ / "socket";
  Process server(Probed({"redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly",
                         "no", "--dir", work_.path()},
                        64));
  ASSERT_TRUE(server.WaitForOutput("ready to accept connections at")) << server.so_far().Describe();
  const Result load = WithoutTheLibrary(
      {"redis-benchmark", "-s", socket, "-q", "-n", "10000", "-r", "5000", "-t", "set,lpush,hset,zadd"},
      work_.path());
  EXPECT_TRUE(load.ok()) << load.Describe();
  ASSERT_EQ(kill(server.pid(), SIGTERM), 0);
  const Result end = server.Wait();
  Agreement seen = ReadAgreement(end.err);
  EXPECT_GE(seen.stacks, 10000) << end.Describe();
  EXPECT_LE(seen.unequal, seen.stacks / 1000);
  EXPECT_LE(seen.truncated, seen.stacks / 1000);
}

}  // namespace
}  // namespace heapprof::test
