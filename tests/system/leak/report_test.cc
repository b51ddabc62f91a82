// SPDX-License-Identifier: Apache-2.0
// What a check says, where it says it, and with what status the program ends.
#include <algorithm>

#include "tests/system/leak/leak_run.h"

namespace heapprof::test {
namespace {

constexpr int kLeaks = 23, kOwnStatus = 5;

// leak_known: 10 blocks of 100 bytes in one place, one of 7000 in another that points to one of 30, and a
// block of 5000 that is still reached. It ends with status 5.
class Report : public testing::Test {
 protected:
  Result Run(const std::string& options, std::vector<std::pair<std::string, std::string>> environment = {}) {
    Command command = Checked(dir_, {Program("leak_known")}, options);
    command.env.insert(command.env.end(), environment.begin(), environment.end());
    return RunProgram(command);
  }
  std::vector<std::string> FilesWith(const std::string& part) const {
    std::vector<std::string> names;
    for (const std::string& name : ListDir(dir_.path())) {
      if (name.find(part) != std::string::npos) names.push_back(name);
    }
    return names;
  }
  TempDir dir_;
};

TEST_F(Report, GroupsByStackTheHeaviestFirst) {
  const Result result = Run("");
  EXPECT_EQ(result.exit_status, kLeaks);
  EXPECT_EQ(result.out, "written before the end\n");  // what streams held is not lost
  EXPECT_NE(result.err.find("==ERROR: LeakSanitizer: detected memory leaks\n"), std::string::npos);
  const std::vector<Leak> leaks = ParseReport(result.err);
  ASSERT_EQ(leaks.size(), 3u) << result.err;
  EXPECT_EQ(leaks[0].kind, "Direct leak of");
  EXPECT_EQ(SumOf({leaks[0]}), (LeakSum{7000, 1}));
  EXPECT_TRUE(leaks[0].Has(" in LeakHeavy "));
  EXPECT_EQ(SumOf({leaks[1]}), (LeakSum{1000, 10}));
  EXPECT_TRUE(leaks[1].Has(" in LeakTen ") && leaks[1].Has(" in main "));
  EXPECT_EQ(leaks[2].kind, "Indirect leak of");
  EXPECT_EQ(SumOf({leaks[2]}), (LeakSum{30, 1}));
  EXPECT_NE(result.err.find("SUMMARY: LeakSanitizer: 8030 byte(s) leaked in 12 allocation(s).\n"),
            std::string::npos)
      << result.err;
}

TEST_F(Report, FramesHaveFilesLinesAndInlinedCalls) {
  const std::vector<Leak> leaks = ParseReport(Run("").err);
  ASSERT_EQ(leaks.size(), 3u);
  EXPECT_TRUE(leaks[1].frames[0].find(" in LeakTen ") != std::string::npos &&
              leaks[1].frames[0].find("programs/known.cc:17") != std::string::npos)
      << leaks[1].frames[0];
  // The block within the heavy one comes from a function that was inlined.
  ASSERT_GE(leaks[2].frames.size(), 3u);
  EXPECT_NE(leaks[2].frames[0].find(" in InnerBlock"), std::string::npos) << leaks[2].frames[0];
  EXPECT_NE(leaks[2].frames[1].find(" in LeakHeavy "), std::string::npos) << leaks[2].frames[1];
}

TEST_F(Report, SourceFileCanBeSuppressed) {
  WriteFile(dir_ / "known", "leak:programs/known.cc\n");
  EXPECT_EQ(Run("suppressions=" + (dir_ / "known")).exit_status, kOwnStatus);
}

TEST_F(Report, LiveListsWhatIsReachedToo) {
  const Result result = Run("leak_check=live");
  EXPECT_EQ(result.exit_status, kLeaks);
  const std::vector<Leak> leaks = ParseReport(result.err);
  ASSERT_EQ(leaks.size(), 4u) << result.err;  // and none of stdio's or libstdc++'s
  EXPECT_EQ(leaks[3].kind, "Still allocated:");
  EXPECT_EQ(leaks[3].bytes, 5000u);
  EXPECT_TRUE(leaks[3].Has(" in Keep "));
  EXPECT_NE(result.err.find("5000 byte(s) still allocated in 1 allocation(s)"), std::string::npos);
}

TEST_F(Report, ExitcodeZeroLeavesTheStatus) {
  const Result result = Run("exitcode=0");
  EXPECT_EQ(result.exit_status, kOwnStatus);
  EXPECT_EQ(SumOf(ParseReport(result.err)).blocks, 12u);
}

TEST_F(Report, ExitcodeIsTheStatus) { EXPECT_EQ(Run("exitcode=77").exit_status, 77); }

TEST_F(Report, OffIsOff) {
  const Result result = Run("leak_check=0");
  EXPECT_EQ(result.exit_status, kOwnStatus);
  EXPECT_EQ(result.err, "");
}

TEST_F(Report, LogPathTakesTheReport) {
  const Result result = Run("log_path=" + (dir_ / "log"));
  EXPECT_EQ(result.exit_status, kLeaks);
  EXPECT_EQ(result.err, "");
  const std::vector<std::string> logs = FilesWith("log.");
  ASSERT_EQ(logs.size(), 1u);
  EXPECT_EQ(SumOf(ParseReport(ReadFile(dir_ / logs[0]))), (LeakSum{8030, 12}));
}

TEST_F(Report, LogPathStderrIsNoFile) {
  const Result result = Run("log_path=stderr");
  EXPECT_NE(result.err.find("detected memory leaks"), std::string::npos) << result.Describe();
}

TEST_F(Report, LogPathThatCannotBeWrittenIsTold) {
  const Result result = Run("log_path=/nowhere/at/all");
  EXPECT_EQ(result.exit_status, kLeaks);
  EXPECT_NE(result.err.find("heapprof: cannot write the leak report /nowhere/at/all."), std::string::npos);
  EXPECT_EQ(SumOf(ParseReport(result.err)).blocks, 12u);  // not lost
}

TEST_F(Report, CleanProgramLeavesAnEmptyLog) {
  Command command = Checked(dir_, {Program("leak_scenarios"), "free"}, "log_path=" + (dir_ / "log"));
  EXPECT_TRUE(RunProgram(command).ok());
  const std::vector<std::string> logs = FilesWith("log.");
  ASSERT_EQ(logs.size(), 1u);
  EXPECT_EQ(ReadFile(dir_ / logs[0]), "");
}

TEST_F(Report, SuppressionsFileIsHeededAndCounted) {
  WriteFile(dir_ / "known", "# known leaks\n\nleak:LeakTen\n  leak:never_there  \n");
  const Result result = Run("suppressions=" + (dir_ / "known"));
  EXPECT_EQ(result.exit_status, kLeaks);
  EXPECT_EQ(SumOf(ParseReport(result.err)), (LeakSum{7030, 2})) << result.err;
  EXPECT_NE(result.err.find("Suppressions used:\n  count      bytes template\n     10       1000 LeakTen\n"),
            std::string::npos)
      << result.err;
  EXPECT_EQ(result.err.find("never_there"), std::string::npos);
}

TEST_F(Report, WhatASuppressedBlockPointsToIsSuppressed) {
  WriteFile(dir_ / "known", "leak:^LeakHeavy$\nleak:LeakT*n\n");
  const Result result = Run("suppressions=" + (dir_ / "known"));
  EXPECT_EQ(result.exit_status, kOwnStatus);
  EXPECT_EQ(ParseReport(result.err).size(), 0u) << result.err;
}

TEST_F(Report, ModuleCanBeSuppressed) {
  WriteFile(dir_ / "known", "leak:/leak_known$\n");
  EXPECT_EQ(Run("suppressions=" + (dir_ / "known")).exit_status, kOwnStatus);
}

TEST_F(Report, BadSuppressionsAreNamed) {
  WriteFile(dir_ / "known", "leak:LeakTen\nrace:foo\nleak:\n");
  const Result result = Run("suppressions=" + (dir_ / "known"));
  EXPECT_NE(result.err.find("known:2: 'race:foo' is ignored: a suppression is leak:PATTERN\n"),
            std::string::npos);
  EXPECT_NE(result.err.find("known:3: 'leak:' is ignored"), std::string::npos);
  EXPECT_EQ(SumOf(ParseReport(result.err)).blocks, 2u);
  const Result missing = Run("suppressions=/not/there");
  EXPECT_NE(missing.err.find("heapprof: cannot read the suppressions /not/there: No such file"),
            std::string::npos);
}

TEST_F(Report, ProgramsOwnSuppressionsAreHeeded) {
  // Linked with -rdynamic, and without.
  for (const char* program : {"leak_known_suppressed", "leak_known_unexported"}) {
    const Result result = RunProgram(Checked(dir_, {Program(program)}));
    EXPECT_EQ(SumOf(ParseReport(result.err)), (LeakSum{1000, 10})) << result.Describe();
  }
}

TEST_F(Report, SanitizersOptionsAreReadWhenTheCheckIsOn) {
  WriteFile(dir_ / "known", "leak:LeakTen\n");
  const std::string options =
      "log_path='" + (dir_ / "lsan.log") + "':suppressions=" + (dir_ / "known") + ":exitcode=9:max_leaks=3";
  const Result result = Run("", {{"LSAN_OPTIONS", options}});
  EXPECT_EQ(result.exit_status, 9);
  EXPECT_EQ(result.err, "heapprof: LSAN_OPTIONS: passed over: max_leaks=3\n");
  ASSERT_EQ(FilesWith("lsan.log.").size(), 1u);
  EXPECT_EQ(SumOf(ParseReport(ReadFile(dir_ / FilesWith("lsan.log.")[0]))), (LeakSum{7030, 2}));
  // Ours stand over them.
  EXPECT_EQ(Run("exitcode=8", {{"LSAN_OPTIONS", options}}).exit_status, 8);
  EXPECT_EQ(Run("", {{"LSAN_OPTIONS", "detect_leaks=0"}}).exit_status, kOwnStatus);
  EXPECT_EQ(Run("leak_check=0", {{"LSAN_OPTIONS", options}}).exit_status, kOwnStatus);
}

TEST_F(Report, ProfileHoldsTheLeaks) {
  const std::string err = Run("output=" + (dir_ / "p")).err;
  const std::string last = "\nheapprof: as a profile: " + (dir_ / "p.leak.pb.gz") + "\n";
  EXPECT_EQ(err.find(last) + last.size(), err.size()) << err;
  const HeapProfile profile = ReadProfile(dir_ / "p.leak.pb.gz");
  ASSERT_EQ(profile.error(), "");
  EXPECT_EQ(profile.Total(), (Totals{12, 8030, 12, 8030}));
  EXPECT_EQ(profile.AtLeaf("LeakTen"), (Totals{10, 1000, 10, 1000}));
}

TEST_F(Report, CleanProgramLeavesNoProfile) {
  RunProgram(Checked(dir_, {Program("leak_scenarios"), "free"}));
  EXPECT_EQ(FilesWith("leak.pb.gz").size(), 0u);
}

TEST_F(Report, SampledProgramIsNotCheckedAndNotClean) {
  const Result result = Run("sample_interval=4k");
  EXPECT_EQ(result.exit_status, kLeaks);
  EXPECT_NE(result.err.find("heapprof: no leak check: not every allocation was recorded"), std::string::npos);
}

TEST_F(Report, ExhaustedTablesAreToldNotTakenForLeaks) {
  // The table of live blocks is full: nothing can be said of what is not in it, and that is no clean bill.
  const std::string why = "heapprof: no leak check: not every allocation was recorded";
  Command command =
      Checked(dir_, {Program("leak_scenarios"), "long_list"}, "metadata_limit=1m:log_path=" + (dir_ / "log"));
  const Result result = RunProgram(command);
  EXPECT_EQ(result.exit_status, kLeaks) << result.Describe();
  EXPECT_EQ(result.err.find(why), 0u) << result.err;
  ASSERT_EQ(FilesWith("log.").size(), 1u);
  EXPECT_EQ(ReadFile(dir_ / FilesWith("log.")[0]).find(why), 0u);
  EXPECT_EQ(FilesWith("leak.pb.gz").size(), 0u);
}

TEST_F(Report, StacksThatFoundNoRoomAreToldAndTheirBlocksCounted) {
  // 4,000 leaks of 4,000 stacks, far more than the tables of stacks may hold, while that of blocks may.
  const Result result = RunProgram(Checked(dir_, {Program("leak_many_stacks")}, "metadata_limit=1m"));
  EXPECT_EQ(result.exit_status, kLeaks) << result.err;
  const std::vector<Leak> leaks = ParseReport(result.err);
  EXPECT_EQ(SumOf(leaks), (LeakSum{4000 * 48, 4000})) << result.err;
  uint64_t without_stack = 0;
  for (const Leak& leak : leaks) {
    if (leak.Has("[heapprof: metadata limit reached]")) without_stack += leak.blocks;
  }
  EXPECT_GT(without_stack, 0u);
  EXPECT_LT(without_stack, 4000u);
}

// What ends a program past exit() ends it as ever: the check is exit()'s, as LeakSanitizer's is.
TEST_F(Report, QuickExitAndItsLikeAreNotChecked) {
  for (const char* way : {"_exit", "_Exit", "quick_exit", "abort"}) {
    const Result result = RunProgram(Checked(dir_, {Program("leak_known"), way}));
    EXPECT_EQ(result.err, "") << way;
    if (std::string(way) == "abort") {
      EXPECT_EQ(result.signal, SIGABRT) << result.Describe();
    } else {
      EXPECT_EQ(result.exit_status, kOwnStatus) << way << ": " << result.Describe();
    }
  }
  EXPECT_TRUE(ListDir(dir_.path()).empty());
}

// coreutils' programs close their stderr in an exit handler, daemons send it to /dev/null.
TEST_F(Report, IsWrittenWhereTheProgramHasGivenItsStderrUp) {
  for (const char* way : {"close_stderr", "null_stderr"}) {
    const Result result = RunProgram(Checked(dir_, {Program("leak_known"), way}));
    EXPECT_EQ(result.exit_status, kLeaks) << way;
    EXPECT_EQ(SumOf(ParseReport(result.err)), (LeakSum{8030, 12})) << way << ": " << result.err;
  }
}

TEST_F(Report, GoesIntoNoFileThatHasTheNumberOfAClosedStderr) {
  const Result result = RunProgram(Checked(dir_, {Program("leak_known"), "close_all"}));
  EXPECT_EQ(result.exit_status, kLeaks);
  EXPECT_EQ(ReadFile(dir_ / "mine"), "");
  EXPECT_EQ(FilesWith(".leak.pb.gz").size(), 1u);
}

// A reader of the pipe would wait for what holds it; and nothing is left open without a check.
TEST_F(Report, NoCopyOfStderrIsKeptWithALogOrWithoutACheck) {
  const auto open_files = [&](const std::string& options) {
    return RunProgram(Checked(dir_, {"/bin/ls", "/proc/self/fd"}, options)).out;
  };
  EXPECT_EQ(open_files("leak_check=0"), "0\n1\n2\n3\n");
  EXPECT_EQ(open_files("log_path=" + (dir_ / "log")), "0\n1\n2\n3\n");
  EXPECT_EQ(open_files(""), "0\n1\n1023\n2\n3\n");
}

// A program that has few may need each of them.
TEST_F(Report, NoCopyOfStderrTakesOneOfFewDescriptors) {
  const auto open_files = [&](const std::string& limit) {
    return RunProgram(Checked(dir_, {"/bin/sh", "-c", "ulimit -n " + limit + "; exec ls /proc/self/fd"})).out;
  };
  EXPECT_EQ(open_files("64"), "0\n1\n2\n3\n63\n");
  EXPECT_EQ(open_files("63"), "0\n1\n2\n3\n");
}

TEST_F(Report, ACheckThatHasNoMemoryIsNotClean) {
  const Result result = RunProgram(Checked(dir_, {Program("leak_known"), "no_memory"}));
  EXPECT_EQ(result.err, "heapprof: no leak check: no memory\n");
  EXPECT_EQ(result.exit_status, kLeaks);
}

TEST_F(Report, StaticLibraryChecksAsWell) {
  Command command;
  command.argv = {Program("leak_known_static")};
  command.env = {{"HEAPPROF_OPTIONS", "leak_check=unreachable:output=" + (dir_ / "s")}};
  command.directory = dir_.path();
  const Result result = RunProgram(command);
  EXPECT_EQ(result.exit_status, kLeaks);
  EXPECT_EQ(SumOf(ParseReport(result.err)), (LeakSum{8030, 12})) << result.Describe();
}

// A program that looks at the status of what it starts, as ctags does of sort, takes a leak there for a
// failure.
TEST_F(Report, ProgramsThatItStartsAreCheckedUnlessLeftAlone) {
  const auto check = [&](const char* children) {
    const std::string script = "'" + Program("leak_known") + "'; echo status $?";
    return RunProgram({{HEAPPROF_COMMAND, "check", "--children", children, "--library", LibraryPath(), "--",
                        "/bin/sh", "-c", script},
                       {},
                       dir_.path(),
                       60,
                       {}});
  };
  const Result all = check("all"), none = check("no");
  EXPECT_EQ(all.out, "written before the end\nstatus 23\n");
  EXPECT_EQ(SumOf(ParseReport(all.err)), (LeakSum{8030, 12})) << all.Describe();
  EXPECT_EQ(none.out, "written before the end\nstatus 5\n");
  EXPECT_EQ(none.err, "");
}

TEST_F(Report, ProgramWithAMallocOfItsOwnIsNotClean) {
  const auto run = [&](const std::string& command, const std::string& program) {
    return RunProgram({{HEAPPROF_COMMAND, command, "--library", LibraryPath(), "--", Program(program)},
                       {},
                       dir_.path(),
                       60,
                       {}});
  };
  const Result exported = run("check", "leak_own_malloc_exported");
  EXPECT_EQ(exported.exit_status, kLeaks);
  EXPECT_EQ(
      exported.err,
      "heapprof: no leak check: the program brings its own malloc, whose blocks heapprof does not see\n");
  const Result hidden = run("check", "leak_own_malloc_hidden");
  EXPECT_EQ(hidden.exit_status, 2);
  EXPECT_EQ(hidden.err, "heapprof: " + Program("leak_own_malloc_hidden") +
                            " brings its own malloc: it cannot be checked\n");
  // One that passes its calls on is a program like any other.
  const Result passed_on = run("check", "leak_own_malloc_pass_on");
  EXPECT_EQ(SumOf(ParseReport(passed_on.err)), (LeakSum{1000, 10})) << passed_on.Describe();
  for (const char* program : {"leak_own_malloc_exported", "leak_own_malloc_hidden"}) {
    const Result profiled = run("run", program);
    EXPECT_EQ(profiled.exit_status, 0);
    EXPECT_EQ(profiled.err.find("heapprof: warning: " + Program(program) +
                                " brings its own malloc: what that does not pass on is in no heap profile\n"),
              0u)
        << profiled.err;
  }
}

TEST_F(Report, CommandPassesStatusAndOutputThrough) {
  const auto run = [&](std::vector<std::string> words) {
    Command command;
    command.argv = {HEAPPROF_COMMAND, "check", "--library", LibraryPath(), "--output", "p"};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    command.directory = dir_.path();
    return RunProgram(command);
  };
  const Result clean = run({"--", "/bin/sh", "-c", "echo out; echo err >&2; exit 4"});
  EXPECT_EQ(clean.exit_status, 4) << clean.Describe();
  EXPECT_EQ(clean.out, "out\n");
  EXPECT_EQ(clean.err, "err\n");
  EXPECT_EQ(run({"--", Program("leak_known")}).exit_status, kLeaks);
  EXPECT_EQ(run({"--exitcode", "3", "--", Program("leak_known")}).exit_status, 3);
  WriteFile(dir_ / "known", "leak:Leak\n");
  EXPECT_EQ(run({"--suppressions", "known", "--", Program("leak_known")}).exit_status, kOwnStatus);
  EXPECT_EQ(run({"--log", "log", "--live", "--", Program("leak_known")}).err, "");
  ASSERT_EQ(FilesWith("log.").size(), 1u);
  EXPECT_NE(ReadFile(dir_ / FilesWith("log.")[0]).find("Still allocated: 5000"), std::string::npos);
  EXPECT_EQ(run({"--suppressions", "not_there", "--", Program("leak_known")}).exit_status, 2);
  EXPECT_EQ(run({}).exit_status, 2);
}

}  // namespace
}  // namespace heapprof::test
