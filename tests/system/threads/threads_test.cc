// SPDX-License-Identifier: Apache-2.0
// The profile of threads, of whole programs: of threads that wait in place, with ptrace, and without, where
// the signal stands in.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <regex>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

enum class Way { kInPlace, kTraced, kSignalled };

class Threads : public testing::TestWithParam<Way> {
 protected:
  bool Signalled() const { return GetParam() == Way::kSignalled; }
  // The program, and what makes it go that way.
  std::vector<std::string> Words(std::vector<std::string> words) const {
    if (Signalled()) words.insert(words.begin(), "untraced");
    if (GetParam() != Way::kInPlace) words.insert(words.begin(), "unlooked");
    words.insert(words.begin(), Program("threads"));
    return words;
  }
  Result Run(std::vector<std::string> words, const std::string& options = "", int seconds = 60) {
    words = Words(words);
    return RunProgram({words, {{"HEAPPROF_OPTIONS", options}}, dir_.path(), seconds, nullptr});
  }
  void ExpectRunsWell(const std::vector<std::string>& words, const std::string& options = "",
                      int seconds = 60) {
    const Result result = Run(words, options, seconds);
    ExpectWell(result);
    EXPECT_EQ(result.err, "");
  }
  TempDir dir_;
};

size_t CountOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// The paragraph of the first thread with that name.
std::string ParagraphOf(const std::string& text, const std::string& name) {
  size_t at = text.find(" \"" + name + "\" [");
  if (at == std::string::npos) return "";
  at = text.rfind("thread ", at);
  return text.substr(at, text.find("\n\n", at) - at);
}

TEST_P(Threads, AreGroupedInTheProto) {
  ExpectRunsWell({"known", "0", "1", "2", "3"});
  CountProfile profile(ReadFile(dir_ / "0"));
  ASSERT_EQ(profile.error(), "");
  const auto& p = profile.proto();
  ASSERT_EQ(p.sample_type_size(), 1);
  EXPECT_EQ(profile.Text(p.sample_type(0).type()), "threads");
  EXPECT_EQ(profile.Text(p.sample_type(0).unit()), "count");
  EXPECT_EQ(profile.Total(), 6);
  EXPECT_EQ(p.sample_size(), 4);
  EXPECT_EQ(profile.In("ReadPipe"), 3);
  EXPECT_EQ(profile.In("Burn"), 1);
  EXPECT_EQ(profile.In("AwaitCondition"), 1);
  EXPECT_EQ(profile.In("Known"), 1);
  EXPECT_EQ(profile.Labelled("thread", "reader"), 3);
  EXPECT_EQ(profile.Labelled("request", "list"), 3);
  EXPECT_EQ(profile.Labelled("state", "waiting"), 4);
  EXPECT_EQ(profile.Labelled("state", "running"), 2);
}

TEST_P(Threads, AreGroupedInTheTextTheMostFirst) {
  ExpectRunsWell({"known", "0", "1", "2", "3"});
  const std::string text = ReadFile(dir_ / "1");
  EXPECT_EQ(text.rfind("threads profile: total 6\n3 @ 0x", 0), 0u) << text;
  EXPECT_EQ(CountOf(text, "\n1 @ 0x"), 3u) << text;
  EXPECT_NE(text.find("\n# labels: {\"request\":\"list\"}\n# threads: reader x3\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("ReadPipe()+0x"), std::string::npos) << text;
}

TEST_P(Threads, HaveAParagraphEach) {
  ExpectRunsWell({"known", "0", "1", "2", "3"});
  const std::string text = ReadFile(dir_ / "2");
  EXPECT_EQ(text.rfind("6 threads of process ", 0), 0u) << text;
  const std::string reader = ParagraphOf(text, "reader");
  const std::regex head(
      "thread [0-9]+ \"reader\" \\[waiting: read fd [0-9]+(, last ran [0-9.]+ s ago)?\\], cpu 0\\.0[0-9]+ s\n"
      "# labels: \\{\"request\":\"list\"\\}\n#\t0x[^]*");
  EXPECT_TRUE(std::regex_match(reader, head)) << reader;
  const size_t stack = reader.find("ReadPipe()+0x"), creator = reader.find("\n# created by\n");
  EXPECT_NE(stack, std::string::npos) << reader;
  EXPECT_NE(reader.find("StartReaders", creator), std::string::npos) << reader;
  EXPECT_LT(stack, creator) << reader;
  const std::string waiter = ParagraphOf(text, "waiter \\\"x\\\"");
  EXPECT_NE(waiter.find("[waiting: futex 0x"), std::string::npos) << text;
  EXPECT_NE(ParagraphOf(text, "burner").find("[running]"), std::string::npos) << text;
  EXPECT_NE(ParagraphOf(text, "threads").find("[running: writes this dump], cpu "), std::string::npos)
      << text;
  // The asking thread comes first.
  EXPECT_LT(text.find("\tKnown("), text.find("reader")) << text;
  EXPECT_EQ(CountOf(text, "[truncated"), 0u) << text;
}

TEST_P(Threads, SayHowLongTheyHaveNotRun) {
  if (ReadFile("/proc/self/sched").find("se.exec_start") == std::string::npos) {
    GTEST_SKIP() << "this kernel has no /proc/PID/sched";
  }
  ExpectRunsWell({"known", "0", "1", "2", "3"});
  const std::string text = ReadFile(dir_ / "3");
  const std::regex told("last ran ([0-9.]+) s ago");
  int count = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), told), end; at != end; ++at, ++count) {
    EXPECT_GE(std::stod((*at)[1].str()), 0.19) << text;
    EXPECT_LT(std::stod((*at)[1].str()), 60) << text;
  }
  EXPECT_EQ(count, 4) << text;
}

// What the machine does besides is no dump's fault: the best of a few runs, each by the share of a processor
// that was to be had.
TEST_P(Threads, AThousandTakeFiftyMillisecondsAndNoneStandsStillForOne) {
  const long most = Signalled() ? 1'000'000 : 50'000, longest = Signalled() ? 100'000 : 1'000;
  long dump = LONG_MAX, stop = LONG_MAX;
  for (int runs = 0; runs < 5 && (dump > most || stop > longest); ++runs) {
    const Result result = Run({"thousand", Signalled() ? "50" : "1000"});
    ExpectWell(result);
    ASSERT_EQ(sscanf(result.out.c_str(), "dump %ld us, stop %ld us", &dump, &stop), 2) << result.out;
  }
  EXPECT_LE(dump, most);
  EXPECT_LE(stop, longest);
}

TEST_P(Threads, ThatBlockAllSignalsAreShownOrNamed) {
  const Result result = Run({"blocked"});
  ExpectWell(result);
  EXPECT_EQ(CountOf(result.out, "ReadPipe()+0x"), Signalled() ? 0u : 1u) << result.out;
  EXPECT_EQ(CountOf(result.out, "#\t[not stopped: blocks signals, or got no processor]\n"),
            Signalled() ? 1u : 0u)
      << result.out;
  EXPECT_NE(result.out.find("[waiting: read fd "), std::string::npos) << result.out;
}

TEST_P(Threads, InVforkAreNamedWithWhereTheyAre) {
  const Result result = Run({"vfork"});
  ExpectWell(result);
  const std::regex call("\\[uninterruptible: (vfork|clone)[\\],]");  // not every architecture has the former
  EXPECT_TRUE(std::regex_search(result.out, call)) << result.out;
  const std::regex frame("#\t0x[0-9a-f]+\t[^\n]*fork[^\n]*\n#\t\\[not stopped: sleeps uninterruptibly\\]\n");
  EXPECT_TRUE(std::regex_search(result.out, frame)) << result.out;
}

TEST_P(Threads, AreListedWithoutTheMainThread) { ExpectRunsWell({"main_ends"}); }

TEST_P(Threads, OnForeignAndSmallStacksAreWalked) { ExpectRunsWell({"coroutine"}); }

TEST_P(Threads, WaitOnInTheirCalls) {
  const Result result = Run({"calls"});
  ExpectWell(result);
  if (Signalled()) return;
  std::string out = result.out;
#ifdef __aarch64__
  // The kernel ends these with EINTR where a tracer stops them, and shows it no first argument to begin them
  // anew.
  if (GetParam() == Way::kTraced) {
    const std::regex ended("(sigwaitinfo|epoll_wait\\(-1\\)): ended with -1, Interrupted system call\n");
    out = std::regex_replace(out, ended, "");
  }
#endif
  EXPECT_EQ(out, "OK\n");
}

TEST_P(Threads, BornAndDyingHangNoDump) {
  const int dumps = 200 * SoakFactor();
  ExpectRunsWell({"churn", std::to_string(dumps)}, "", 60 * SoakFactor());
}

TEST_P(Threads, BesideForks) {
  ExpectRunsWell({"forks", std::to_string(20 * SoakFactor())}, "", 60 * SoakFactor());
}

TEST_P(Threads, BesideAnExec) {
  ExpectRunsWell({"execs", std::to_string(30 * SoakFactor())}, "", 60 * SoakFactor());
}

TEST_P(Threads, BesideLibrariesThatComeAndGo) {
  ExpectRunsWell({"loads", std::to_string(100 * SoakFactor()), HEAP_HAZARDS "/plugin.so"}, "",
                 60 * SoakFactor());
}

TEST_P(Threads, AreWrittenInHandlersThatInterruptMalloc) {
  ExpectRunsWell({"handlers", std::to_string(50 * SoakFactor())}, "sample_interval=1", 60 * SoakFactor());
}

TEST_P(Threads, OnTheSignalGoToStderr) {
  const Result result = Run({"storm", "1"}, "thread_dump_signal=USR1");
  ExpectWell(result);
  EXPECT_EQ(result.err.rfind("2 threads of process ", 0), 0u) << result.err;
  EXPECT_EQ(CountOf(result.err, "\nthread "), 2u) << result.err;
  EXPECT_NE(result.err.find("\tStorm("), std::string::npos) << result.err;
}

TEST_P(Threads, OnTheSignalGoToTheLogOneBehindTheOther) {
  const Result result = Run({"storm", "3"}, "thread_dump_signal=USR1:log_path=log");
  ExpectWell(result);
  EXPECT_EQ(result.err, "");
  std::string file;
  for (const std::string& name : ListDir(dir_.path())) {
    if (name.rfind("log.", 0) == 0) file = name;
  }
  const std::string text = ReadFile(dir_ / file);
  EXPECT_GE(CountOf(text, " threads of process "), 2u) << text;
  EXPECT_EQ(file.substr(file.size() - 12), ".threads.txt");
}

TEST_P(Threads, OnTheSignalGoToAFileWhereStderrIsOfNoUse) {
  std::vector<std::string> words = Words({"storm", "1"});
  words.insert(words.begin(), {"sh", "-c", "exec \"$0\" \"$@\" 2> /dev/null"});
  const Result result = RunProgram(
      {words, {{"HEAPPROF_OPTIONS", "thread_dump_signal=USR1:output=out.%n"}}, dir_.path(), 60, nullptr});
  ExpectWell(result);
  EXPECT_NE(ReadFile(dir_ / "out.0001.threads.txt").find("2 threads of process "), std::string::npos);
}

TEST_P(Threads, AStormOfSignalsIsMerged) {
  const Result result = Run({"storm", std::to_string(500 * SoakFactor())},
                            "thread_dump_signal=USR1:log_path=log", 60 * SoakFactor());
  ExpectWell(result);
  EXPECT_EQ(result.err, "");
}

INSTANTIATE_TEST_SUITE_P(Ways, Threads, testing::Values(Way::kInPlace, Way::kTraced, Way::kSignalled),
                         [](const auto& info) {
                           return info.param == Way::kInPlace  ? "InPlace"
                                  : info.param == Way::kTraced ? "Traced"
                                                               : "Signalled";
                         });

TEST(ThreadsOfASandbox, ThatForbidsPtraceAreSeenWhereTheyWaitAndWaitOn) {
  TempDir dir;
  const Result calls = RunProgram({{Program("threads"), "untraced", "calls"}, {}, dir.path(), 60, nullptr});
  ExpectWell(calls);
  EXPECT_EQ(calls.out, "OK\n");
  const Result blocked =
      RunProgram({{Program("threads"), "untraced", "blocked"}, {}, dir.path(), 60, nullptr});
  ExpectWell(blocked);
  EXPECT_EQ(CountOf(blocked.out, "ReadPipe()+0x"), 1u) << blocked.out;
}

TEST(ThreadDumpSignal, ThatIsTheDumpSignalIsIgnoredWithALine) {
  TempDir dir;
  const Result result = RunProgram({{Program("threads"), "storm", "0"},
                                    {{"HEAPPROF_OPTIONS", "thread_dump_signal=USR2"}},
                                    dir.path(),
                                    60,
                                    nullptr});
  ExpectWell(result);
  EXPECT_EQ(result.err, "heapprof: thread_dump_signal is ignored: the same signal is dump_signal\n");
}

}  // namespace
}  // namespace heapprof::test
