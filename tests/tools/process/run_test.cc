// SPDX-License-Identifier: Apache-2.0
// `heapprof run`: environment, signals and exit status of its program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/files.h"
#include "tests/support/under.h"
#include "tests/tools/made_profile.h"
#include "tools/process/options_text.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;

Command RunOf(std::vector<std::string> words) {
  Command command;
  command.argv = {HEAPPROF_COMMAND, "run"};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  return command;
}

// What HEAPPROF_OPTIONS is in the program.
std::string OptionsGiven(Command command) {
  command.argv.insert(command.argv.end(), {"--", "/bin/sh", "-c", "printf %s \"$HEAPPROF_OPTIONS\""});
  const Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
  return result.out;
}

// Where the profiles go if nothing else is said, as it stands behind other options.
std::string HereIn(const std::string& folder) {
  char path[PATH_MAX];
  return ":output=" + std::string(realpath(folder.c_str(), path)) + "/heapprof.%p.%n";
}

TEST(Run, FindsTheLibraryOfTheBuildTreeAndKeepsOtherPreloads) {
  Command command = RunOf({"/bin/sh", "-c", "echo \"$LD_PRELOAD\""});
  EXPECT_THAT(RunProgram(command).out, HasSubstr("libheapprof.so.0"));
  command.env = {{"LD_PRELOAD", "libm.so.6"}};
  EXPECT_THAT(RunProgram(command).out, testing::EndsWith("/libheapprof.so.0:libm.so.6\n"));
}

TEST(Run, FindsTheLibraryInItsOwnFolder) {
  TempDir dir;
  const Command usual = RunOf({"printenv", "LD_PRELOAD"});
  std::string library = RunProgram(usual).out;
  library.pop_back();
  namespace fs = std::filesystem;
  fs::copy_file(fs::canonical(library), dir / "libheapprof.so.0");
  fs::copy_file(HEAPPROF_COMMAND, dir / "heapprof");
  Command command = usual;
  command.argv[0] = dir / "heapprof";
  EXPECT_EQ(RunProgram(command).out, (dir / "libheapprof.so.0") + "\n");
}

TEST(Run, MakesRoomForThreadLocalDataBesideAnAuditLibrary) {
  Command command = RunOf({"printenv", "GLIBC_TUNABLES"});
  EXPECT_EQ(RunProgram(command).out, "");
  TempDir dir;
  command.env = {{"LD_AUDIT", AUDITOR},
                 {"HEAPPROF_OPTIONS", "sample_interval=1:dump_at_exit=1:output=" + (dir / "h")}};
  EXPECT_EQ(RunProgram(command).out, "glibc.rtld.optional_static_tls=8192\n");
  EXPECT_EQ(ExpectGoodProfiles(dir.path()).size(), 1u) << "the library was not there";
  command.env.push_back({"GLIBC_TUNABLES", "glibc.malloc.check=0"});
  EXPECT_EQ(RunProgram(command).out, "glibc.malloc.check=0:glibc.rtld.optional_static_tls=8192\n");
  command.env.back().second = "glibc.rtld.optional_static_tls=16384";
  EXPECT_EQ(RunProgram(command).out, "glibc.rtld.optional_static_tls=16384\n");
}

TEST(Run, OptionsOfTheCommandLineStandOverTheEnvironment) {
  EXPECT_EQ(OptionsGiven(RunOf({"--interval", "4k"})), "sample_interval=4k" + HereIn("."));
  Command command = RunOf({"--interval", "1", "--exit-dump", "--option", "seed=9"});
  command.env = {{"HEAPPROF_OPTIONS", "sample_interval=2k, max_frames=7:output='a b' sample_interval=3k"}};
  EXPECT_EQ(OptionsGiven(command), "max_frames=7:seed=9:sample_interval=1:dump_at_exit=1:output='" +
                                       HereIn(".").substr(8, HereIn(".").rfind('/') - 7) + "a b'");
}

TEST(Run, OutputIsMadeAbsoluteAndQuoted) {
  TempDir dir;
  mkdir((dir / "50%p, off").c_str(), 0700);
  Command command = RunOf({"--output", "heap.%p"});
  command.directory = dir / "50%p, off";
  EXPECT_EQ(OptionsGiven(command), "output='" + (dir / "50%%p, off/heap.%p") + "'");
  EXPECT_EQ(OptionsGiven(RunOf({"--output", "/tmp/x"})), "output=/tmp/x");
}

TEST(Run, QuotesThatDoNotCloseAreRefused) {
  Command command = RunOf({"--interval", "1", "true"});
  command.env = {{"HEAPPROF_OPTIONS", "output='x"}};
  const Result result = RunProgram(command);
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: HEAPPROF_OPTIONS: the quote of output is not closed\n");
}

TEST(Run, OptionsThatTheLibraryWouldRefuseAreWrongUsage) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"--interval", "5q"},     {"--interval", "-1"},      {"--max-frames", "0"},    {"--max-frames", "1025"},
      {"--max-frames", "many"}, {"--dump-signal", "NONE"}, {"--dump-signal", "999"}, {"--option", "verbose"}};
  for (const auto& [option, value] : wrong) {
    const Result result = RunProgram(RunOf({option, value, "--", "true"}));
    EXPECT_EQ(result.exit_status, 2) << option << " " << value;
    EXPECT_EQ(result.err.rfind("heapprof: ", 0), 0u) << result.err;
    EXPECT_EQ(result.err.find('\n') + 1, result.err.size()) << result.err;
  }
  EXPECT_EQ(OptionsGiven(RunOf({"--max-frames", "1024", "--dump-signal", "none"})),
            "max_frames=1024:dump_signal=none" + HereIn("."));
}

TEST(Run, AWordThatIsNoCommandIsNamed) {
  Command command;
  command.argv = {HEAPPROF_COMMAND, "rum", "--", "true"};
  const Result result = RunProgram(command);
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: rum is no command (did you mean run?); see heapprof --help\n");
}

TEST(Run, PassesStatusSignalsAndArgumentsOn) {
  EXPECT_EQ(RunProgram(RunOf({"--", "/bin/sh", "-c", "exit 37"})).exit_status, 37);
  EXPECT_EQ(RunProgram(RunOf({"--", "/bin/sh", "-c", "kill -TERM $$"})).signal, SIGTERM);
  // Options and a second "--" behind the program's name are the program's.
  EXPECT_EQ(RunProgram(RunOf({"--", "printf", "%s\n", "--help", "--", "--interval"})).out,
            "--help\n--\n--interval\n");
  EXPECT_EQ(RunProgram(RunOf({"printf", "%s\n", "--help", "-x"})).out, "--help\n-x\n");
}

TEST(Run, SignalsForTheCommandReachTheProgram) {
  TempDir dir;
  Command command;
  // A pipe that stays open: the program waits.
  command.argv = {"/bin/sh", "-c", "mkfifo \"$0\"; exec \"$@\" <>\"$0\""};
  command.argv.push_back(dir / "in");
  command.argv.insert(command.argv.end(), {HEAPPROF_COMMAND, "run", "--", "/bin/sh", "-c",
                                           "trap 'exit 41' TERM; echo ready; read -r x"});
  Process program(command);
  ASSERT_TRUE(program.WaitForOutput("ready"));
  kill(program.pid(), SIGTERM);
  EXPECT_EQ(program.Wait().exit_status, 41);
}

TEST(Run, ProgramsThatCannotBeStarted) {
  TempDir dir;
  Result result = RunProgram(RunOf({"--", dir / "missing"}));
  EXPECT_EQ(result.exit_status, 127);
  EXPECT_EQ(result.err, "heapprof: cannot run " + (dir / "missing") + ": No such file or directory\n");
  EXPECT_EQ(RunProgram(RunOf({"--", "no-such-program-anywhere"})).exit_status, 127);
  WriteFile(dir / "data", "data");
  chmod((dir / "data").c_str(), 0600);
  result = RunProgram(RunOf({"--", dir / "data"}));
  EXPECT_EQ(result.exit_status, 126);
  EXPECT_EQ(result.err, "heapprof: cannot run " + (dir / "data") + ": Permission denied\n");
  EXPECT_EQ(RunProgram(RunOf({"--", dir.path()})).exit_status, 126);
}

TEST(Run, LibrariesThatCannotBePreloaded) {
  TempDir dir;
  Result result = RunProgram(RunOf({"--library", dir / "missing.so", "true"}));
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: no library at " + (dir / "missing.so") + "\n");
  WriteFile(dir / "text.so", "x");
  result = RunProgram(RunOf({"--library", dir / "text.so", "true"}));
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: " + (dir / "text.so") + " is no library\n");
  WriteFile(dir / "with space.so", "x");
  result = RunProgram(RunOf({"--library", dir / "with space.so", "true"}));
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("LD_PRELOAD cannot hold the path"));
}

TEST(Run, SaysThatAStaticProgramIsNotProfiled) {
  TempDir dir;
  // An ELF header of this machine without program headers: no interpreter, and no program either.
  std::ifstream self("/proc/self/exe", std::ios::binary);
  std::string head(64, '\0');
  self.read(head.data(), 64);
  head[56] = head[57] = '\0';  // e_phnum
  WriteFile(dir / "static", head);
  chmod((dir / "static").c_str(), 0700);
  EXPECT_THAT(RunProgram(RunOf({"--", dir / "static"})).err,
              testing::StartsWith("heapprof: warning: " + (dir / "static") +
                                  " is statically linked: it runs without the profiler; "
                                  "libheapprof.a can be linked into it\n"));
  // A script is judged by its interpreter.
  WriteFile(dir / "script", "#! " + (dir / "static") + " -x\n");
  chmod((dir / "script").c_str(), 0700);
  EXPECT_THAT(RunProgram(RunOf({"--", dir / "script"})).err, HasSubstr("is statically linked"));
}

// musl's loader would not start it: it is left alone, and told of.
TEST(Run, AProgramOfMuslRunsWithoutTheLibrary) {
  TempDir dir;
  std::string program = ReadFile("/usr/bin/env");
  const std::string loader = "/lib64/ld-linux-x86-64.so.2", musl = "./ld-musl-x86_64.so.1";
  const size_t at = program.find(loader);
  if (at == std::string::npos) GTEST_SKIP() << "another loader";
  program.replace(at, loader.size(), musl + std::string(loader.size() - musl.size(), '\0'));
  WriteFile(dir / "env", program);
  chmod((dir / "env").c_str(), 0700);
  ASSERT_EQ(symlink(loader.c_str(), (dir / "ld-musl-x86_64.so.1").c_str()), 0);
  Command command = RunOf({"--", "./env"});
  command.directory = dir.path();
  Result result = RunProgram(command);
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_EQ(
      result.err.rfind("heapprof: warning: ./env is linked with musl, and the library is for glibc: it runs "
                       "without the profiler\n",
                       0),
      0u)
      << result.err;
  EXPECT_EQ(result.out.find("LD_PRELOAD="), std::string::npos) << result.out;
  command.argv = {HEAPPROF_COMMAND, "check", "--", "./env"};
  result = RunProgram(command);
  EXPECT_EQ(result.exit_status, 2) << result.Describe();
  EXPECT_THAT(result.err, HasSubstr("for glibc: it cannot be checked"));
}

TEST(Run, SaysThatASetUserIdProgramIsNotProfiled) {
  if (getuid() != 0) GTEST_SKIP() << "a set-user-id program of another user can be made by root only";
  TempDir dir;
  Command copy;
  copy.argv = {"cp", "/bin/true", dir / "suid"};
  ASSERT_TRUE(RunProgram(copy).ok());
  ASSERT_EQ(chown((dir / "suid").c_str(), 1, 1), 0);
  ASSERT_EQ(chmod((dir / "suid").c_str(), 04755), 0);
  const Result result = RunProgram(RunOf({"--", dir / "suid"}));
  EXPECT_THAT(result.err,
              HasSubstr(" is a set-user-ID or set-group-ID program: it runs without the profiler\n"));
  EXPECT_EQ(result.exit_status, 0);
}

TEST(OptionsText, ParsesWhatItFormats) {
  const std::vector<std::string> values = {"",         "plain",        "a:b", "a b",
                                           "it's: so", "say \"x\", y", "a=b", "in'side"};
  std::string text;
  for (const std::string& value : values) text += tools::FormatOption({"key", value, ""}) + ",";
  std::vector<std::string> read;
  for (const tools::OptionPair& pair : tools::ParseOptionText(text)) {
    EXPECT_EQ(pair.key, "key");
    read.push_back(pair.value);
  }
  EXPECT_EQ(read, values) << text;
}

}  // namespace
}  // namespace heapprof::test
