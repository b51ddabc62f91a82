// SPDX-License-Identifier: Apache-2.0
// `heapprof threads` of a running program, and of the file that it leaves.
#include <gtest/gtest.h>
#include <unistd.h>

#include <regex>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

// Standard input that does not end: the program has the other end itself.
void ReadFromOwnPipe() {
  int ends[2];
  if (pipe(ends) != 0 || dup2(ends[0], STDIN_FILENO) < 0) _exit(98);
}

class ThreadsCommand : public testing::Test {
 protected:
  ThreadsCommand()
      : program_({{Program("threads"), "serve"},
                  {{"HEAPPROF_OPTIONS", "output=out.%n"}},
                  dir_.path(),
                  60,
                  ReadFromOwnPipe}) {
    EXPECT_TRUE(program_.WaitForOutput("ready\n"));
  }
  Result Run(std::vector<std::string> words) {
    words.insert(words.begin(), {HEAPPROF_COMMAND, "threads"});
    return RunProgram({words, {{"DEBUGINFOD_URLS", ""}}, dir_.path(), 60, nullptr});
  }
  std::string Pid() const { return std::to_string(program_.pid()); }
  TempDir dir_;
  Process program_;
};

size_t CountOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(ThreadsCommand, HasAParagraphForEachAndLeavesNoFile) {
  const Result result = Run({Pid()});
  ASSERT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_EQ(result.out.rfind("4 threads of process " + Pid() + "\n\nthread " + Pid() + " \"threads\" [", 0),
            0u)
      << result.out;
  EXPECT_EQ(CountOf(result.out, " \"reader\" [waiting: read fd "), 3u) << result.out;
  EXPECT_EQ(CountOf(result.out, "\n  labels: request=list\n"), 3u) << result.out;
  EXPECT_EQ(CountOf(result.out, "\n  created by\n"), 3u) << result.out;
  const std::regex frame("\n    [^\n]*ReadPipe \\(known\\.cc:[0-9]+\\)\n");
  EXPECT_TRUE(std::regex_search(result.out, frame)) << result.out;
  EXPECT_NE(result.out.find("StartReaders (known.cc:"), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("emergency pool"), std::string::npos) << result.out;
  EXPECT_TRUE(ListDir(dir_.path()).empty());
}

TEST_F(ThreadsCommand, PutsEqualStacksTogether) {
  const Result result = Run({"--group", Pid()});
  ASSERT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_NE(result.out.find("\n\n3 threads: reader (waiting) x3\n  labels: request=list\n"),
            std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find("\n\n1 thread: threads ("), std::string::npos) << result.out;
}

TEST_F(ThreadsCommand, KeepsTheFileThatItIsToKeepAndReadsIt) {
  const Result first = Run({"--keep", Pid()});
  ASSERT_EQ(first.exit_status, 0) << first.Describe();
  EXPECT_NE(first.err.find("/out.0001.threads.pb.gz\n"), std::string::npos) << first.err;
  const Result again = Run({"out.0001.threads.pb.gz"});
  EXPECT_EQ(again.exit_status, 0) << again.Describe();
  EXPECT_EQ(again.out, first.out);
  CountProfile profile(ReadFile(dir_ / "out.0001.threads.pb.gz"));
  EXPECT_EQ(profile.Total(), 4);
}

TEST_F(ThreadsCommand, SpeaksJson) {
  const Result result = Run({"--json", Pid()});
  ASSERT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_EQ(result.out.rfind("{\"pid\":\"" + Pid() + "\",\"threads\":[{\"tid\":" + Pid() + ",", 0), 0u)
      << result.out;
  EXPECT_EQ(CountOf(result.out, "\"labels\":{\"request\":\"list\"}"), 3u) << result.out;
  EXPECT_EQ(CountOf(result.out, "\"created_by\":["), 3u) << result.out;
}

TEST_F(ThreadsCommand, NamesTheProgramWhereItIsAskedOfItsWatcher) {
  Process watched({{Program("threads"), "serve"},
                   {{"HEAPPROF_OPTIONS", "output=watched.%n:wall_at_start=1"}},
                   dir_.path(),
                   60,
                   ReadFromOwnPipe});
  ASSERT_TRUE(watched.WaitForOutput("ready\n"));
  const std::string pid = std::to_string(watched.pid());
  std::string watcher = ReadFile("/proc/" + pid + "/task/" + pid + "/children");
  if (watcher.empty()) GTEST_SKIP() << "this kernel does not tell of children";
  watcher.pop_back();
  const Result result = Run({watcher});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: process " + watcher + " only watches the threads of process " + pid +
                            ", for its wall-clock profile: ask that one\n");
}

TEST_F(ThreadsCommand, RefusesWhatIsNoProfileOfThreads) {
  const Result dump = RunProgram({{HEAPPROF_COMMAND, "dump", Pid()}, {}, dir_.path(), 60, nullptr});
  ASSERT_EQ(dump.exit_status, 0) << dump.Describe();
  const Result result = Run({"out.0001.heap.pb.gz"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_NE(result.err.find("is no profile of threads"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace heapprof::test
