// SPDX-License-Identifier: Apache-2.0
// `heapprof agent` with programs: it finds them, and tells what they have done.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "tests/support/under.h"
#include "tests/tools/made_profile.h"
#include "tools/agent/process/signal_look.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using tools::agent::HeldProcess;
using tools::agent::SignalLook;

constexpr int64_t kMiB = 1 << 20;

class AgentTest : public testing::Test {
 protected:
  void Start(const std::string& options, const std::function<void()>& before_exec = {},
             std::vector<std::pair<std::string, std::string>> env = {}) {
    Command command =
        Under(dir_, {PROGRAMS_DIR "/watch_subject", dir_.path()}, "sample_interval=1:" + options);
    command.directory = dir_.path();
    command.env.insert(command.env.end(), env.begin(), env.end());
    ASSERT_EQ(mkdir((dir_ / "out").c_str(), 0700), 0);
    ASSERT_EQ(mkfifo((dir_ / "in").c_str(), 0666), 0);
    command.before_exec = [in = dir_ / "in", before_exec] {
      dup2(open(in.c_str(), O_RDWR), STDIN_FILENO);
      if (before_exec) before_exec();
    };
    subject_ = std::make_unique<Process>(command);
    ASSERT_TRUE(subject_->WaitForOutput("ready")) << subject_->so_far().Describe();
  }
  void Tell(const std::string& line) {
    WriteFile(dir_ / "in", line + "\n");
    said_ += "done\n";
    ASSERT_TRUE(subject_->WaitForOutput(said_)) << subject_->so_far().Describe();
  }
  std::string Pid() const { return std::to_string(subject_->pid()); }

  std::vector<std::string> Words(std::vector<std::string> more) const {
    std::vector<std::string> words = {"agent",      "--to",         "dir:" + (dir_ / "out"),
                                      "--spool",    dir_ / "spool", "--pid",
                                      Pid(),        "--interval",   "0.2",
                                      "--profiles", "heap",         "--label",
                                      "team=blue"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // Runs it for some rounds, and returns the profiles that came out of these, in their order.
  std::vector<TypedProfile> Rounds(int rounds, std::vector<std::string> more = {}) {
    const std::vector<std::string> before = ListDir(dir_ / "out");
    more.insert(more.end(), {"--rounds", std::to_string(rounds)});
    result_ = RunCommand(Words(more));
    EXPECT_TRUE(result_.ok()) << result_.Describe();
    std::vector<TypedProfile> profiles;
    for (const std::string& file : ListDir(dir_ / "out")) {
      if (std::find(before.begin(), before.end(), file) != before.end()) continue;
      // What the target has put behind the profile is a second gzip member, which the tests' reader refuses.
      EXPECT_TRUE(RunCommand({"merge", dir_ / "out/" + file, "-o", dir_ / "whole.pb.gz"}).ok());
      profiles.emplace_back(ReadFile(dir_ / "whole.pb.gz"));
      EXPECT_EQ(profiles.back().error(), "") << file;
    }
    std::sort(profiles.begin(), profiles.end(), [](const TypedProfile& a, const TypedProfile& b) {
      const auto end = [](const TypedProfile& p) {
        return p.proto().time_nanos() + p.proto().duration_nanos();
      };
      return end(a) < end(b);
    });
    return profiles;
  }

  TempDir dir_;
  std::unique_ptr<Process> subject_;
  std::string said_ = "ready\n";
  Result result_;
};

TEST_F(AgentTest, TellsWhatWasAllocatedMeanwhileAndWhatIsInUse) {
  Start("http=unix:@heapprof-agent-test-%p", {}, {{"OTEL_SERVICE_NAME", "shop"}});
  auto profiles = Rounds(1);
  ASSERT_EQ(profiles.size(), 1u) << result_.Describe();
  EXPECT_EQ(profiles[0].Total("alloc_space"), 0);  // was before
  EXPECT_EQ(profiles[0].In("inuse_space", "KeptTable"), 8 * kMiB);
  const std::string comments = profiles[0].Comments();
  for (const std::string& label : {std::string("service: shop"), "pid: " + Pid(), std::string("team: blue")})
    EXPECT_THAT(comments, HasSubstr("label." + label + "\n"));
  // The next agent goes on where this one ended.
  Tell("churn");
  Tell("grow");
  profiles = Rounds(2);
  ASSERT_EQ(profiles.size(), 2u) << result_.Describe();
  EXPECT_EQ(profiles[0].In("alloc_space", "PassingBuffer"), 4 * kMiB);
  EXPECT_EQ(profiles[0].In("inuse_space", "PassingBuffer"), 0);
  EXPECT_EQ(profiles[0].In("inuse_space", "GrowingCache"), kMiB);
  EXPECT_GT(profiles[0].proto().duration_nanos(), 0);
  EXPECT_EQ(profiles[1].In("alloc_space", "PassingBuffer"), 0);
  EXPECT_EQ(profiles[1].In("inuse_space", "GrowingCache"), kMiB);
}

TEST_F(AgentTest, AsksByTheDumpSignalWhereThereIsNoServer) {
  Start("");
  const auto profiles = Rounds(1);
  ASSERT_EQ(profiles.size(), 1u) << result_.Describe();
  EXPECT_EQ(profiles[0].In("inuse_space", "KeptTable"), 8 * kMiB);
  EXPECT_TRUE(FindProfiles(dir_.path()).empty());  // nothing among its own files
  EXPECT_EQ(Rounds(1, {"--no-signals"}).size(), 0u);
  EXPECT_THAT(result_.err, HasSubstr("it has no server"));
  // A signal that is the program's own is not sent.
  Tell("own");
  EXPECT_EQ(Rounds(1).size(), 0u);
  EXPECT_THAT(result_.err, HasSubstr("nothing is sent"));
  Tell("churn");
}

TEST_F(AgentTest, DoesNotWaitWhileALookDoes) {
  Start("");
  const auto process = HeldProcess::Open(subject_->pid());
  ASSERT_NE(process, nullptr);
  // As a look by another does it.
  const int turn = open(("/proc/" + Pid()).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(flock(turn, LOCK_EX), 0);
  SignalLook look(*process, 5, 32 << 20);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(look.Step());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3));
  pollfd wait = {look.fd(), POLLIN, 0};
  flock(turn, LOCK_UN);
  close(turn);
  while (!look.Step()) poll(&wait, 1, -1);
  EXPECT_EQ(look.why(), "");
  EXPECT_GT(look.TakeProfile().size(), 100u);
}

TEST_F(AgentTest, FindsProcessesOfOthersInOtherNamespaces) {
  if (geteuid() != 0) GTEST_SKIP() << "only root makes namespaces and becomes others";
  constexpr uid_t kNobody = 65534;
  Start("http=unix:" + (dir_ / "s.sock"), [] {
    if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0) _exit(125);
  });
  const auto profiles = Rounds(1);
  ASSERT_EQ(profiles.size(), 1u) << result_.Describe();
  EXPECT_EQ(profiles[0].In("inuse_space", "KeptTable"), 8 * kMiB);
  EXPECT_THAT(profiles[0].Comments(), HasSubstr("label.uid: 65534\n"));
}

TEST_F(AgentTest, ServesFiguresAndTargetsAndEndsCleanly) {
  Start("http=0");
  Command command;
  command.argv = Words({"--listen", "0"});
  command.argv.insert(command.argv.begin(), HEAPPROF_COMMAND);
  Process agent(command);
  ASSERT_TRUE(agent.WaitForError("figures at ")) << agent.so_far().Describe();
  const std::string said = agent.so_far().err;
  ASSERT_TRUE(agent.WaitForError("/metrics\n"));
  const size_t at = said.find("127.0.0.1:");
  const std::string address = agent.so_far().err.substr(at, agent.so_far().err.find('/', at) - at);
  const auto get = [&](const std::string& page) {
    Command curl;
    curl.argv = {"curl", "-s", "--max-time", "20", "http://" + address + page};
    return RunProgram(curl).out;
  };
  std::string metrics;
  do {
    metrics = get("/metrics");
  } while (metrics.find("heapprof_agent_profiles_total") == std::string::npos
               ? false
               : metrics.find("heapprof_agent_profiles_total 0\n") != std::string::npos);
  EXPECT_THAT(metrics, HasSubstr("heapprof_agent_processes 1\n"));
  EXPECT_THAT(metrics, HasSubstr("# TYPE heapprof_agent_rounds_total counter\n"));
  EXPECT_THAT(get("/targets"), HasSubstr("\"pid\":\"" + Pid() + "\""));
  EXPECT_THAT(get("/targets"), HasSubstr("{\"targets\":[\"127.0.0.1:"));
  EXPECT_EQ(get("/other"), "no such page\n");
  kill(agent.pid(), SIGTERM);
  const Result result = agent.Wait();
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_THAT(ListDir(dir_ / "spool"), testing::Contains("agent.state"));
}

TEST_F(AgentTest, GoesOnWhileProcessesEndAndOthersBegin) {
  Start("http=unix:@heapprof-agent-end-%p");
  Command command;
  command.argv = {HEAPPROF_COMMAND, "agent",    "--to",       "dir:" + (dir_ / "out"),
                  "--spool",        "none",     "--match",    dir_.path(),
                  "--scan",         "0.1",      "--interval", "0.1",
                  "--profiles",     "heap,cpu", "--verbose",  "--no-signals"};
  Process agent(command);
  ASSERT_TRUE(agent.WaitForError("process " + Pid() + " (watch_subject)\n")) << agent.so_far().Describe();
  // In the middle of its CPU profile, which takes a second.
  subject_.reset();
  unlink((dir_ / "in").c_str());
  // One that becomes another program with the library, in the same process.
  Command shell = Under(
      dir_, {"/bin/bash", "-c", "read line; exec \"$@\"", "bash", PROGRAMS_DIR "/watch_subject", dir_.path()},
      "http=unix:@heapprof-agent-exec-%p");
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  shell.before_exec = [in = ends[0]] { dup2(in, STDIN_FILENO); };
  Process other(shell);
  ASSERT_TRUE(agent.WaitForError("process " + std::to_string(other.pid()) + " (bash)\n"));
  ASSERT_EQ(write(ends[1], "go\n", 3), 3);
  EXPECT_TRUE(agent.WaitForError("process " + std::to_string(other.pid()) + " (watch_subject)\n"));
  kill(agent.pid(), SIGTERM);
  const Result result = agent.Wait();
  EXPECT_TRUE(result.ok()) << result.Describe();
  close(ends[0]);
  close(ends[1]);
}

TEST_F(AgentTest, FoldersWhoseNamesDifferInSignsAreTwoTargets) {
  Start("http=unix:@heapprof-agent-two-%p");
  const Result result = RunCommand({"agent", "--to", "dir:" + (dir_ / "out/a"), "--to",
                                    "dir:" + (dir_ / "out_a"), "--spool", dir_ / "spool", "--pid", Pid(),
                                    "--interval", "0.1", "--rounds", "1", "--profiles", "heap"});
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_THAT(ListDir(dir_ / "out/a"), testing::SizeIs(1));
  EXPECT_THAT(ListDir(dir_ / "out_a"), testing::SizeIs(1));
}

TEST_F(AgentTest, WithoutATargetItRefuses) {
  const Result result = RunCommand({"agent"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("--to"));
}

}  // namespace
}  // namespace heapprof::test
