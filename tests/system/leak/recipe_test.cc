// SPDX-License-Identifier: Apache-2.0
// The recipes for a nightly check of a server, as docs/leak-checks.md prints them, on redis-server.
#include <sys/stat.h>
#include <unistd.h>

#include "tests/system/leak/leak_run.h"

namespace heapprof::test {
namespace {

// The block of the document that begins with ```KIND.
std::string Printed(const std::string& kind) {
  const std::string text = ReadFile(DOCUMENT), begin = "\n```" + kind + "\n";
  const size_t at = text.find(begin);
  EXPECT_NE(at, std::string::npos) << kind;
  const size_t from = at + begin.size(), end = text.find("\n```\n", from);
  return text.substr(from, end + 1 - from);
}

// The commands below "script:", as a CI runner gives them to a shell.
std::string PrintedJob() {
  const std::string text = Printed("yaml"), mark = "\n    - ";
  std::string job;
  for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) {
    at += mark.size();
    job += text.substr(at, text.find('\n', at) - at) + "\n";
    --at;
  }
  EXPECT_NE(job, "");
  return job;
}

class Recipe : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(HaveProgram("redis-server")) << "install the package redis-server";
    ASSERT_TRUE(HaveProgram("redis-benchmark")) << "install the package redis-tools";
    Script("server", "exec redis-server --port " + port_ +
                         " --bind 127.0.0.1 --save '' --appendonly no --dir . > server.log 2>&1\n");
    // Over few keys the data stays as it is, over many it grows by some 50 MB.
    Script("load", "until redis-cli -p " + port_ +
                       " ping > load.log 2>&1; do sleep 0.01; done\n"
                       "redis-benchmark -p " +
                       port_ + " -q -P 16 -n 100000 -d 500 -t set -r ${KEYS:-100}\n");
    ASSERT_EQ(mkdir((dir_ / "state").c_str(), 0700), 0);
  }
  void Script(const std::string& name, const std::string& text) {
    WriteFile(dir_ / name, (text.rfind("#!", 0) == 0 ? "" : "#!/bin/sh\n") + text);
    ASSERT_EQ(chmod((dir_ / name).c_str(), 0700), 0);
  }
  Command Words(std::vector<std::string> argv, int keys = 100) {
    Command command;
    command.argv = std::move(argv);
    command.directory = dir_.path();
    const std::string tools =
        std::string(HEAPPROF_COMMAND).substr(0, std::string(HEAPPROF_COMMAND).rfind('/'));
    command.env = {{"PATH", tools + ":" + getenv("PATH")},
                   {"HEAP_GROWTH_STATE", dir_ / "state"},
                   {"KEYS", std::to_string(keys)}};
    command.timeout_seconds = 100;
    return command;
  }
  static bool Grows() { return GetParam(); }
  static int Keys() { return Grows() ? 100000 : 100; }

  TempDir dir_;
  const std::string port_ = std::to_string(FreePort());
};
INSTANTIATE_TEST_SUITE_P(Growth, Recipe, testing::Values(false, true),
                         [](const auto& info) { return std::string(info.param ? "Planted" : "None"); });

TEST_P(Recipe, NightlyScript) {
  Script("heap-growth", Printed("sh"));
  Process server(
      Words({HEAPPROF_COMMAND, "run", "--no-symbolize", "--library", LibraryPath(), "--", "./server"}));
  const auto check = [&] { return RunProgram(Words({"./heap-growth", std::to_string(server.pid())})); };
  const auto report = [&] { return ReadFile(dir_ / "state/report.txt"); };
  ASSERT_TRUE(RunProgram(Words({"./load"})).ok());
  EXPECT_TRUE(check().ok()) << report();  // there is nothing to compare with yet
  ASSERT_TRUE(RunProgram(Words({"./load"}, Keys())).ok());
  const Result result = check();
  EXPECT_EQ(result.exit_status, Grows() ? 1 : 0) << report();
  EXPECT_EQ(result.out + result.err, "");
  EXPECT_NE(
      report().find(Grows() ? "growth of 10.0 MiB or more: " : "no significant growth of 10.0 MiB or more"),
      std::string::npos)
      << report();
  // One profile is kept, and nothing lies about where the server runs.
  EXPECT_EQ(ListDir(dir_ / "state"), (std::vector<std::string>{"base.heap.pb.gz", "report.txt"}));
  for (const std::string& name : ListDir(dir_.path()))
    EXPECT_EQ(name.find(".pb.gz"), std::string::npos) << name;

  const Result nobody = RunProgram(Words({"./heap-growth", "999999999"}));
  EXPECT_EQ(nobody.exit_status, 2);
  EXPECT_NE(report().find("heapprof: "), std::string::npos) << report();
}

TEST_P(Recipe, JobOfAContinuousIntegration) {
  // Caches fill over few keys; the second load is the one that may grow.
  Script("load2", ReadFile(dir_ / "load"));
  Script("load", "[ \"$2\" = 15 ] || KEYS=100\nexport KEYS\nexec ./load2\n");
  Command job = Words({"sh", "-e", "-c", PrintedJob()}, Keys());
  const Result result = RunProgram(job);
  EXPECT_EQ(result.exit_status, Grows() ? 1 : 0) << result.Describe();
  EXPECT_NE(
      result.out.find(Grows() ? "growth of 1.0 MiB or more: " : "no significant growth of 1.0 MiB or more"),
      std::string::npos)
      << result.Describe();
}

}  // namespace
}  // namespace heapprof::test
