// SPDX-License-Identifier: Apache-2.0
// Programs under a wall-clock profile at 100 Hz: same output, same status, no stack that was not walked to
// its end.
#include <signal.h>

#include "tests/system/real/real.h"

namespace heapprof::test {
namespace {

constexpr char kOptions[] = "wall_at_start=1:wall_hz=100:sample_interval=0";

class WallOf : public testing::Test {
 protected:
  // Every profile is whole; none has a truncated stack. Returns the ticks of all.
  int64_t ExpectProfiles() {
    int64_t total = 0;
    int files = 0;
    for (const std::string& name : ListDir(profiles_.path())) {
      if (name.find(".wall.pb.gz") == std::string::npos) continue;
      const CountProfile profile(ReadFile(profiles_ / name));
      EXPECT_EQ(profile.error(), "") << name;
      EXPECT_EQ(profile.Comment("truncated-stacks"), "0") << name;
      EXPECT_EQ(profile.Comment("refused-stops"), "0") << name;
      total += profile.Total();
      ++files;
    }
    EXPECT_GT(files, 0);
    return total;
  }
  void ExpectSame(const std::vector<std::string>& argv, const std::string& directory, int64_t least_ticks) {
    const Result plain = WithoutTheLibrary(argv, directory);
    Command command = Under(profiles_, argv, kOptions);
    command.directory = directory;
    const Result profiled = RunProgram(command);
    EXPECT_EQ(profiled.exit_status, plain.exit_status) << profiled.Describe();
    EXPECT_EQ(profiled.out, plain.out);
    EXPECT_EQ(profiled.err, plain.err);
    EXPECT_GE(ExpectProfiles(), least_ticks);
  }
  TempDir profiles_, work_;
};

TEST_F(WallOf, Python) {
  REQUIRE_PROGRAM("python3", "python3");
  WriteFile(work_ / "threads.py",
            "import hashlib, queue, threading, time\n"
            "q, done = queue.Queue(), []\n"
            "def work():\n"
            "    while (item := q.get()) is not None:\n"
            "        done.append(hashlib.sha256(bytes(item * 1000)).hexdigest())\n"
            "        time.sleep(0.004)\n"
            "threads = [threading.Thread(target=work) for _ in range(4)]\n"
            "for t in threads: t.start()\n"
            "for i in range(100): q.put(i)\n"
            "for t in threads: q.put(None)\n"
            "for t in threads: t.join()\n"
            "print(len(done), sorted(done)[0])\n"
            "raise SystemExit(3)\n");
  ExpectSame({"python3", "threads.py"}, work_.path(), 30);
}

TEST_F(WallOf, Node) {
  REQUIRE_PROGRAM("node", "nodejs");
  WriteFile(
      work_ / "pool.js",
      "const crypto = require('crypto');\n"
      "let left = 4;\n"
      "for (let i = 0; i < 4; i++)\n"
      "  crypto.pbkdf2('a', 'b', 20000, 64, 'sha512', () => { if (--left == 0) console.log('done'); });\n"
      "setTimeout(() => {}, 100);\n");
  ExpectSame({"node", "pool.js"}, work_.path(), 20);
}

TEST_F(WallOf, MakeAndClang) {
  REQUIRE_PROGRAM("make", "make");
  REQUIRE_PROGRAM("clang++-14", "clang-14");
  WriteFile(work_ / "a.cc", "#include <string>\nstd::string A(int i) { return std::to_string(i); }\n");
  WriteFile(
      work_ / "Makefile",
      "all: a.o b.o\n\t@echo linked; exit 5\n%.o: a.cc\n\t@clang++-14 -std=c++17 -O1 -c -o $@ $< && rm $@\n");
  ExpectSame({"make", "-j2"}, work_.path(), 20);
}

TEST_F(WallOf, Redis) {
  REQUIRE_PROGRAM("redis-server", "redis-server");
  REQUIRE_PROGRAM("redis-benchmark", "redis-tools");
  const std::string port = std::to_string(FreePort());
  Command command = Under(profiles_,
                          {"redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir",
                           work_.path(), "--daemonize", "no"},
                          kOptions);
  Process server(command);
  ASSERT_TRUE(server.WaitForOutput("Ready to accept connections")) << server.so_far().Describe();
  const Result load = WithoutTheLibrary(
      {"redis-benchmark", "-p", port, "-q", "-n", "5000", "-r", "1000", "-t", "set,get"}, work_.path());
  EXPECT_TRUE(load.ok()) << load.Describe();
  EXPECT_TRUE(WithoutTheLibrary({"redis-cli", "-p", port, "bgsave"}, work_.path()).ok());
  ASSERT_EQ(kill(server.pid(), SIGTERM), 0);
  EXPECT_EQ(server.Wait().exit_status, 0);
  EXPECT_GE(ExpectProfiles(), 20);
}

// Whose rights change, and namespaces.
TEST_F(WallOf, ProgramsThatChangeTheirRights) {
  REQUIRE_PROGRAM("setpriv", "util-linux");
  const std::string sleep = "sleep 0.05; id -u";
  if (geteuid() == 0) {
    ExpectSame(
        {"setpriv", "--reuid", "65534", "--clear-groups", "--no-new-privs", "--inh-caps=-all", "id", "-u"},
        "/", 0);
    ExpectSame({"unshare", "-U", "-r", "sh", "-c", sleep}, "/", 0);
  }
  ExpectSame({"sh", "-c", sleep}, "/", 2);
}

}  // namespace
}  // namespace heapprof::test
