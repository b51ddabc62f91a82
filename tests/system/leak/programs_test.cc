// SPDX-License-Identifier: Apache-2.0
// Programs with threads, and programs that nobody here wrote: no hang, no false report, and what valgrind
// calls definitely or indirectly lost.
#include <algorithm>
#include <regex>

#include "tests/system/leak/leak_run.h"

namespace heapprof::test {
namespace {

TEST(Programs, ThreadsThatComeAndGoWhileTheCheckIsMade) {
  const int runs = 100 * SoakFactor();
  for (int i = 1; i <= runs; ++i) {
    TempDir dir;
    const Result result = RunProgram(Checked(dir, {Program("leak_churn"), std::to_string(i)}));
    ASSERT_EQ(result.exit_status, 0) << "run " << i << "\n" << result.Describe();
    ASSERT_EQ(result.err, "") << "run " << i;
  }
}

TEST(Programs, BlocksThatGoWithTheirArenaAreNoLeaks) {
  for (const char* settings :
       {"", "retain:false,dirty_decay_ms:0", "background_thread:true", "dss:primary"}) {
    for (const char* what : {"reset", "destroy"}) {
      TempDir dir;
      Command command = Checked(dir, {Program("leak_arenas"), what});
      command.env.push_back({"MALLOC_CONF", settings});
      const Result result = RunProgram(command);
      EXPECT_TRUE(result.ok()) << settings << " " << what << "\n" << result.Describe();
      EXPECT_EQ(result.out, "OK\n");
      EXPECT_EQ(result.err, "");
    }
  }
}

TEST(Programs, FreedMemoryOfOwnExtentHooksKeepsNothing) {
  for (const char* what : {"freed", "switched"}) {
    TempDir dir;
    const Result result = RunProgram(Checked(dir, {Program("leak_own_extents"), what}));
    EXPECT_EQ(SumOf(ParseReport(result.err)), (LeakSum{41, 1})) << what << "\n" << result.Describe();
  }
  TempDir dir;
  const Result alive = RunProgram(Checked(dir, {Program("leak_own_extents"), "alive"}));
  EXPECT_EQ(alive.exit_status, 0) << alive.Describe();
}

TEST(Programs, FreedMemoryFromSbrkKeepsNothing) {
  for (const char* name : {"freed_holder", "chain", "table", "large_block_keeps"}) {
    TempDir dir;
    Command command = Checked(dir, {Program("leak_scenarios"), name});
    const int mapped = RunProgram(command).exit_status;
    command.env.push_back({"MALLOC_CONF", "dss:primary"});
    const Result result = RunProgram(command);
    EXPECT_EQ(result.exit_status, mapped) << name << "\n" << result.Describe();
  }
}

TEST(Programs, EmptyMainIsClean) {
  TempDir dir;
  WriteFile(dir / "empty.cc", "int main() {}\n");
  for (const char* language : {"c", "c++"}) {
    Command compile;
    compile.argv = {"g++", "-x", language, dir / "empty.cc", "-o", dir / "empty"};
    ASSERT_TRUE(RunProgram(compile).ok());
    for (const std::string kind : {"unreachable", "live"}) {
      const Result result = RunProgram(Checked(dir, {dir / "empty"}, "leak_check=" + kind));
      EXPECT_EQ(result.exit_status, 0) << language << " " << kind << "\n" << result.Describe();
      EXPECT_EQ(result.err, "");
    }
  }
}

// What valgrind calls definitely and indirectly lost, over all processes that wrote a file vg.PID into `dir`.
LeakSum LostByValgrind(const TempDir& dir) {
  LeakSum sum;
  const std::regex line("(definitely|indirectly) lost: ([0-9,]+) bytes in ([0-9,]+) blocks");
  for (const std::string& name : ListDir(dir.path())) {
    if (name.rfind("vg.", 0) != 0) continue;
    const std::string text = ReadFile(dir / name);
    for (std::sregex_iterator match(text.begin(), text.end(), line), end; match != end; ++match) {
      const auto number = [](std::string digits) {
        digits.erase(std::remove(digits.begin(), digits.end(), ','), digits.end());
        return std::stoull(digits);
      };
      sum.bytes += number((*match)[2]);
      sum.blocks += number((*match)[3]);
    }
  }
  return sum;
}

LeakSum FoundByUs(const TempDir& dir) {
  LeakSum sum;
  for (const std::string& name : ListDir(dir.path())) {
    if (name.rfind("log.", 0) != 0) continue;
    const LeakSum one = SumOf(ParseReport(ReadFile(dir / name)));
    sum.bytes += one.bytes;
    sum.blocks += one.blocks;
  }
  return sum;
}

class Real : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(Real, AgreesWithValgrind) {
  ASSERT_TRUE(HaveProgram("valgrind"));
  const std::vector<std::string>& argv = GetParam();
  TempDir dir;
  WriteFile(dir / "a.cc", "int main() {}\n");
  WriteFile(dir / "a.py",
            "import json, re, threading\nt = threading.Thread(target=json.dumps, args=([1] * 1000,))\n"
            "t.start()\nt.join()\n");
  Command git;
  git.argv = {"git", "init", "-q", dir.path()};
  ASSERT_TRUE(RunProgram(git).ok());
  Command valgrind;
  valgrind.argv = {"valgrind", "--leak-check=full", "--show-leak-kinds=definite", "--trace-children=yes",
                   "--log-file=" + (dir / "vg.%p")};
  valgrind.argv.insert(valgrind.argv.end(), argv.begin(), argv.end());
  valgrind.directory = dir.path();
  valgrind.timeout_seconds = 200;
  const Result theirs = RunProgram(valgrind);
  ASSERT_TRUE(theirs.ok()) << theirs.Describe();
  const Result ours = RunProgram(Checked(dir, argv, "exitcode=0:log_path=" + (dir / "log")));
  ASSERT_TRUE(ours.ok()) << ours.Describe();
  EXPECT_EQ(FoundByUs(dir), LostByValgrind(dir));
}
std::string NameOf(const testing::TestParamInfo<std::vector<std::string>>& info) {
  static constexpr const char* kNames[] = {"Python", "PythonWithThreads", "Git", "Compiler"};
  return kNames[info.index];
}

INSTANTIATE_TEST_SUITE_P(Programs, Real,
                         testing::Values(std::vector<std::string>{"/usr/bin/python3", "-c", "pass"},
                                         std::vector<std::string>{"/usr/bin/python3", "a.py"},
                                         std::vector<std::string>{"git", "status"},
                                         std::vector<std::string>{"g++", "-c", "a.cc", "-o", "a.o"}),
                         NameOf);

TEST(Programs, RedisFromStartToShutdownAgreesWithValgrind) {
  ASSERT_TRUE(HaveProgram("valgrind"));
  ASSERT_TRUE(HaveProgram("redis-server")) << "install the package redis-server";
  TempDir dir;
  const std::string socket = dir / "socket";
  const std::vector<std::string> argv = {"redis-server", "--port", "0",     "--unixsocket", socket,
                                         "--save",       "",       "--dir", dir.path()};
  const auto run = [&](const Command& command) {
    Process server(command);
    EXPECT_TRUE(server.WaitForOutput("ready to accept connections at")) << server.so_far().Describe();
    RunProgram({{"redis-cli", "-s", socket, "shutdown", "nosave"}, {}, "", 100, {}});
    return server.Wait();
  };
  Command valgrind;
  valgrind.argv = {"valgrind", "--leak-check=full", "--log-file=" + (dir / "vg.%p")};
  valgrind.argv.insert(valgrind.argv.end(), argv.begin(), argv.end());
  valgrind.timeout_seconds = 200;
  const Result theirs = run(valgrind);
  ASSERT_TRUE(theirs.ok()) << theirs.Describe();
  const Result ours = run(Checked(dir, argv, "exitcode=0:log_path=" + (dir / "log")));
  ASSERT_TRUE(ours.ok()) << ours.Describe();
  EXPECT_EQ(FoundByUs(dir), LostByValgrind(dir));
}

}  // namespace
}  // namespace heapprof::test
