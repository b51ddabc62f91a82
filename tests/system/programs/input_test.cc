// SPDX-License-Identifier: Apache-2.0
// Bad input: options, folders, limits, planted files, missing descriptors, a bare chroot. The program runs
// on, one line says why, and nothing torn is left.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

constexpr int kStatus = 7;  // how `plain` ends when all is well

// What a run at interval 1 with `output` at `path` in its folder says.
class Output : public testing::Test {
 protected:
  static std::unique_ptr<ProgramRun> With(const std::string& output, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), Program("plain"));
    return std::make_unique<ProgramRun>(arguments, "sample_interval=1:output=" + output);
  }
  static void ExpectOneComplaint(const ProgramRun& run, const std::string& text) {
    ASSERT_EQ(run.Said().size(), 1u) << run.result().err;
    EXPECT_NE(run.Said()[0].find(text), std::string::npos) << run.Said()[0];
  }
};

TEST(Verbose, TellsWhatIsSetUpAndWritten) {
  ProgramRun run({Program("plain"), "signal"}, "verbose=1:sample_interval=64k");
  ExpectWell(run.Execute(), kStatus);
  ASSERT_EQ(run.Said().size(), 2u) << run.result().err;
  EXPECT_NE(run.Said()[0].find("sample_interval=65536, dump_signal=" + std::to_string(SIGUSR2) + ", output="),
            std::string::npos)
      << run.Said()[0];
  EXPECT_NE(run.Said()[1].find("wrote "), std::string::npos) << run.Said()[1];
}

struct BadOption {
  const char* text;
  const char* named;  // what the complaint must name
};
class Options : public testing::TestWithParam<BadOption> {};

TEST_P(Options, OneLineNamesIt) {
  ProgramRun run({Program("plain"), "signal"}, GetParam().text);
  ExpectWell(run.Execute(), kStatus);
  ASSERT_EQ(run.Said().size(), 1u) << run.result().err;
  EXPECT_NE(run.Said()[0].find(GetParam().named), std::string::npos) << run.Said()[0];
  EXPECT_EQ(run.Profiles().size(), 1u);  // the default of dump_signal stands
}

INSTANTIATE_TEST_SUITE_P(
    Bad, Options,
    testing::Values(
        BadOption{"no_such_option=1", "no_such_option"}, BadOption{"sample_interval=many", "many"},
        BadOption{"sample_interval=-1", "sample_interval"}, BadOption{"sample_interval=", "sample_interval"},
        BadOption{"sample_interval=99999999999999999999", "sample_interval"},
        BadOption{"max_frames=0", "max_frames"}, BadOption{"dump_signal=SIGNOTHING", "SIGNOTHING"},
        BadOption{"dump_signal=9", "dump_signal"}, BadOption{"dump_signal=SIGKILL", "dump_signal"},
        BadOption{"dump_at_exit=maybe", "maybe"}, BadOption{"metadata_limit=12q", "12q"},
        BadOption{"cpu_hz=0", "cpu_hz"}, BadOption{"seed", "seed"},
        BadOption{"max_frames=1025", "max_frames"}, BadOption{"metadata_limit=1023k", "metadata_limit"},
        BadOption{"exitcode=256", "exitcode"}, BadOption{"seed=18446744073709551616", "seed"},
        BadOption{"sample_interval='4k", "quote of option 'sample_interval'"},
        BadOption{"cpu_signal=USR2", "cpu_signal"}));

TEST(OptionSyntax, SeparatorsAndQuotes) {
  ProgramRun run({Program("plain"), "secure", "signal"}, "");
  run.command().env.back().second =
      " sample_interval=3k , dump_at_exit='1'\t output=\"" + (run.dir() / "h.%p.%n") + "\" ";
  ExpectWell(run.Execute(), kStatus);
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
  EXPECT_NE(run.result().out.find("interval 3072"), std::string::npos) << run.result().out;
  EXPECT_EQ(run.Profiles().size(), 2u);
}

TEST(OptionSyntax, ValuesAtTheirBounds) {
  ProgramRun run(
      {Program("plain"), "secure", "signal"},
      "max_frames=1:max_frames=1024:metadata_limit=1m:cpu_hz=4000:seed=18446744073709551615:exitcode=255:"
      "cpu_signal=64:log_path=stderr:suppressions=:sample_interval=140737488355328");
  ExpectWell(run.Execute(), kStatus);
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
  EXPECT_NE(run.result().out.find("interval 140737488355328"), std::string::npos) << run.result().out;
  EXPECT_EQ(run.Profiles().size(), 1u);
}

TEST(OptionSyntax, EmptyIsFine) {
  ProgramRun run({Program("plain"), "secure"}, "");
  run.command().env.back().second = "";
  ExpectWell(run.Execute(), kStatus);
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
  EXPECT_NE(run.result().out.find("interval 524288"), std::string::npos) << run.result().out;
}

TEST_F(Output, PatternNames) {
  auto run = With("e_%e.%n", {"dump"});
  ExpectWell(run->Execute(), kStatus);
  EXPECT_EQ(ListDir(run->dir().path()), std::vector<std::string>{"e_plain.0001.heap.pb.gz"});
}

TEST_F(Output, ATitleOverTheArgumentsIsNotTheProgramsName) {
  auto run = With("e_%e.%n", {"title", "dump"});
  ExpectWell(run->Execute(), kStatus);
  EXPECT_EQ(ListDir(run->dir().path()), std::vector<std::string>{"e_plain.0001.heap.pb.gz"});
}

TEST_F(Output, WithoutACountALaterDumpReplacesTheEarlier) {
  auto run = With("same", {"dump", "dump", "signal"});
  ExpectWell(run->Execute(), kStatus);
  EXPECT_EQ(ListDir(run->dir().path()), std::vector<std::string>{"same.heap.pb.gz"});
  EXPECT_EQ(run->Profiles().size(), 1u);
}

TEST_F(Output, MissingFolder) {
  auto run = With("nowhere/h", {"fails"});
  ExpectWell(run->Execute(), kStatus);
  ExpectOneComplaint(*run, "No such file or directory");
}

TEST_F(Output, UnwritableFolder) {
  auto run = With("shut/h", {"fails", "signal"});
  mkdir((run->dir() / "shut").c_str(), 0555);
  run->command().before_exec = [] {  // root could write there
    if (geteuid() == 0 && setuid(65534) != 0) _exit(125);
  };
  ExpectWell(run->Execute(), kStatus);
  ASSERT_EQ(run->Said().size(), 2u) << run->result().err;
  EXPECT_NE(run->Said()[0].find("Permission denied"), std::string::npos) << run->Said()[0];
  EXPECT_TRUE(ListDir(run->dir() / "shut").empty());
}

TEST_F(Output, FullDisk) {
  // every write to it fails; a rename over a device file must not happen either
  ProgramRun run({Program("plain"), "to", "/dev/full"}, "sample_interval=1");
  ExpectWell(run.Execute(), kStatus);
  struct stat info;
  ASSERT_EQ(stat("/dev/full", &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode));
  EXPECT_EQ(run.result().out.find("result 0"), std::string::npos) << run.result().out;
  EXPECT_EQ(run.Said().size(), 1u) << run.result().err;
  EXPECT_TRUE(ListDir(run.dir().path()).empty());
}

TEST_F(Output, FileSizeLimitRaisesNoSignal) {
  auto run = With("h", {"fails", "signal", "fds"});
  run->command().before_exec = [] {
    const rlimit tiny{100, 100};
    setrlimit(RLIMIT_FSIZE, &tiny);
  };
  ExpectWell(run->Execute(), kStatus);
  ASSERT_EQ(run->Said().size(), 2u) << run->result().err;
  EXPECT_NE(run->Said()[0].find("File too large"), std::string::npos) << run->Said()[0];
  EXPECT_TRUE(ListDir(run->dir().path()).empty());
  EXPECT_NE(run->result().out.find("open 3"), std::string::npos) << run->result().out;
}

TEST_F(Output, NoDescriptorIsLeftOpen) {
  auto run = With("h.%n", {"fds", "dump", "signal", "to", "/nowhere/h", "fds"});
  ExpectWell(run->Execute(), kStatus);
  const size_t first = run->result().out.find("open 3"), last = run->result().out.rfind("open 3");
  EXPECT_NE(first, std::string::npos) << run->result().out;
  EXPECT_NE(first, last) << run->result().out;
}

TEST_F(Output, NoDescriptorToBeHad) {
  auto run = With("h", {"nofiles", "fails"});
  ExpectWell(run->Execute(), kStatus);
  ExpectOneComplaint(*run, "Too many open files");
}

TEST_F(Output, FilesAreForTheOwnerOnly) {
  auto run = With("h", {"dump"});
  run->command().before_exec = [] { umask(0); };
  ExpectWell(run->Execute(), kStatus);
  struct stat info;
  ASSERT_EQ(stat((run->dir() / "h.heap.pb.gz").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

TEST_F(Output, EveryRefusalHasItsErrno) {
  ProgramRun run({Program("api_errors")}, "sample_interval=1");
  ExpectWell(run.Execute());
  EXPECT_EQ(run.Said().size(), 7u)
      << run.result().err;  // dumps to paths are told of, writes to descriptors are not
  EXPECT_EQ(run.Profiles().size(), 1u);
  EXPECT_EQ(ListDir(run.dir().path()).size(), 1u);
}

// What an attacker may have put where the dump goes.
class Planted : public Output {
 protected:
  Planted() { WriteFile(elsewhere_ / "victim", "precious"); }
  void ExpectVictimIntact() { EXPECT_EQ(ReadFile(elsewhere_ / "victim"), "precious"); }

  TempDir elsewhere_;
};

TEST_F(Planted, SymlinkAtThePath) {
  auto run = With("h", {"dump"});
  std::filesystem::create_symlink(elsewhere_ / "victim", run->dir() / "h.heap.pb.gz");
  ExpectWell(run->Execute(), kStatus);
  ExpectVictimIntact();
  EXPECT_EQ(run->Profiles().size(), 1u);  // the link itself was replaced
  EXPECT_FALSE(std::filesystem::is_symlink(run->dir() / "h.heap.pb.gz"));
}

TEST_F(Planted, HardLinkAtThePath) {
  auto run = With("h", {"dump"});
  std::filesystem::create_hard_link(elsewhere_ / "victim", run->dir() / "h.heap.pb.gz");
  ExpectWell(run->Execute(), kStatus);
  ExpectVictimIntact();
  EXPECT_EQ(run->Profiles().size(), 1u);
}

TEST_F(Planted, FifoAtThePath) {
  auto run = With("h", {"dump"});
  ASSERT_EQ(mkfifo((run->dir() / "h.heap.pb.gz").c_str(), 0666), 0);
  ExpectWell(run->Execute(), kStatus);  // would hang in open or write
  EXPECT_EQ(run->Profiles().size(), 1u);
}

// Whatever name the temporary file has, it is opened so that nothing planted there is followed or reused.
TEST_F(Planted, AnythingAtTheTemporaryName) {
  const std::string inside = elsewhere_ / "h";
  ProgramRun traced({"/usr/bin/strace", "-f", "-e", "trace=open,openat,creat", "-o", elsewhere_ / "trace",
                     "-E", "LD_PRELOAD=" + LibraryPath(), "-E", "HEAPPROF_OPTIONS=output=" + inside,
                     Program("plain"), "to", elsewhere_ / "fixed"},
                    "");
  traced.command().env.clear();
  ASSERT_TRUE(HaveProgram("strace")) << "install the package strace";
  ExpectWell(traced.Execute(), kStatus);
  std::istringstream lines(ReadFile(elsewhere_ / "trace"));
  std::string line;
  bool created = false;
  while (std::getline(lines, line)) {
    if (line.find("O_CREAT") == std::string::npos || line.find(elsewhere_.path()) == std::string::npos)
      continue;
    created = true;
    EXPECT_NE(line.find("O_EXCL"), std::string::npos) << line;
    EXPECT_NE(line.find("O_NOFOLLOW"), std::string::npos) << line;
    EXPECT_NE(line.find("O_CLOEXEC"), std::string::npos) << line;
    EXPECT_NE(line.find("0600"), std::string::npos) << line;
  }
  EXPECT_TRUE(created);
}

TEST(Surroundings, ClosedStandardDescriptors) {
  ProgramRun run({Program("plain"), "signal"}, "sample_interval=1:dump_at_exit=1:no_such_option=1");
  run.command().before_exec = [] {
    for (int fd : {0, 1, 2}) close(fd);
  };
  EXPECT_EQ(run.Execute().exit_status, kStatus) << run.result().Describe();
  EXPECT_EQ(run.Profiles().size(), 2u);
}

// What the library has to say is not worth the program's life.
TEST(Surroundings, StderrThatNobodyReads) {
  ProgramRun run({Program("plain"), "fails", "signal"}, "no_such_option=1:output=/nowhere/h");
  run.command().before_exec = [] {
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[1], 2) != 2) _exit(125);
    close(ends[0]);
    close(ends[1]);
    signal(SIGPIPE, SIG_DFL);
  };
  ExpectWell(run.Execute(), kStatus);
}

TEST(Surroundings, StderrThatMayNotGrow) {
  ProgramRun run({Program("plain"), "fails", "signal"}, "no_such_option=1:output=/nowhere/h");
  const std::string log = run.dir() / "log";
  run.command().before_exec = [&log] {
    const rlimit nothing{0, 0};
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || dup2(fd, 2) != 2 || setrlimit(RLIMIT_FSIZE, &nothing) != 0) _exit(125);
  };
  ExpectWell(run.Execute(), kStatus);
}

TEST(Surroundings, AddressSpaceLimit) {
  for (const char* interval : {"512k", "1"}) {
    SCOPED_TRACE(interval);
    ProgramRun run({Program("plain"), "exhaust", "dump"}, std::string("sample_interval=") + interval);
    run.command().before_exec = [] {
      const rlimit room{512 << 20, 512 << 20};
      setrlimit(RLIMIT_AS, &room);
    };
    ExpectWell(run.Execute(), kStatus);
    EXPECT_EQ(run.Profiles().size(), 1u);
  }
}

// The interpreter and the libraries that `program` needs, by ldd.
std::vector<std::string> Needed(const std::string& program) {
  Command ldd;
  ldd.argv = {"ldd", program};
  std::istringstream lines(RunProgram(ldd).out);
  std::vector<std::string> paths;
  std::string line;
  while (std::getline(lines, line)) {
    const size_t slash = line.find('/'), end = line.find(" (", slash);
    if (slash != std::string::npos && end != std::string::npos)
      paths.push_back(line.substr(slash, end - slash));
  }
  return paths;
}

TEST(Surroundings, ChrootWithoutProc) {
  TempDir root;
  std::vector<std::string> files = Needed(Program("plain"));
  const std::vector<std::string> of_library = Needed(LibraryPath());
  files.insert(files.end(), of_library.begin(), of_library.end());
  files.push_back(Program("plain"));
  files.push_back(LibraryPath());
  for (const std::string& file : files) {
    std::filesystem::create_directories(root.path() + std::filesystem::path(file).parent_path().string());
    std::filesystem::copy_file(file, root.path() + file, std::filesystem::copy_options::overwrite_existing);
  }
  std::filesystem::create_directories(root / "out");
  ProgramRun run({Program("plain"), "dump", "signal"}, "sample_interval=1:output=/out/h.%n");
  run.command().before_exec = [&root] {
    if (chroot(root.path().c_str()) != 0) {  // an ordinary user may in a user namespace
      if (unshare(CLONE_NEWUSER) != 0 || chroot(root.path().c_str()) != 0) _exit(125);
    }
    if (chdir("/") != 0) _exit(125);
  };
  run.command().directory.clear();
  ExpectWell(run.Execute(), kStatus);
  EXPECT_LE(run.Said().size(), 2u) << run.result().err;
  EXPECT_EQ(ExpectGoodProfiles(root / "out").size(), 2u);
}

}  // namespace
}  // namespace heapprof::test
