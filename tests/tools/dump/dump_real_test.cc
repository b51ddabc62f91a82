// SPDX-License-Identifier: Apache-2.0
// `heapprof dump` and programs under the real library, of many kinds.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "tests/support/files.h"
#include "tests/support/refused_calls.h"
#include "tests/support/under.h"
#include "tests/tools/made_profile.h"
#include "tools/base/failure.h"
#include "tools/dump/look.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;

// A program whose standard input stays open until End.
class DumpReal : public testing::Test {
 protected:
  void Start(const std::vector<std::string>& argv, const std::string& options, bool preload,
             const std::string& ready) {
    Command command;
    command.argv = argv;
    command.directory = dir_.path();
    if (preload) command.env.emplace_back("LD_PRELOAD", LibraryPath());
    if (!options.empty()) command.env.emplace_back("HEAPPROF_OPTIONS", options);
    ASSERT_EQ(mkfifo((in_ / "in").c_str(), 0600), 0);
    // The reader's end before the writer's, which no other process has.
    command.before_exec = [in = in_ / "in", more = before_exec_] {
      const int both = open(in.c_str(), O_RDWR);
      dup2(open(in.c_str(), O_RDONLY), STDIN_FILENO);
      close(both);
      if (more) more();
    };
    const int both = open((in_ / "in").c_str(), O_RDWR | O_CLOEXEC);
    program_ = std::make_unique<Process>(command);
    ASSERT_TRUE(ready.empty() ? program_->WaitForError(":") : program_->WaitForOutput(ready))
        << program_->so_far().Describe();
    writer_ = open((in_ / "in").c_str(), O_WRONLY | O_CLOEXEC);
    close(both);
  }
  std::string Pid() const { return std::to_string(program_->pid()); }
  Result End() {
    close(writer_);
    return program_->Wait();
  }

  TempDir dir_, in_;
  std::unique_ptr<Process> program_;
  int writer_ = -1;
  std::function<void()> before_exec_;
};

// Linux 4.18 has neither pidfd_open nor pidfd_send_signal, and filters of containers may refuse each.
TEST_F(DumpReal, CallsThatAreRefusedHaveAnotherInTheirStead) {
  Start({PROGRAMS_DIR "/dump_subject"}, "sample_interval=1", true, "ready");
  for (const long call : {SYS_pidfd_open, SYS_pidfd_send_signal}) {
    for (const int error : {ENOSYS, EPERM}) {
      SCOPED_TRACE(std::to_string(call) + " " + std::to_string(error));
      for (const char* words : {"dump", "threads", "memory"}) {
        Command command;
        command.argv = {HEAPPROF_COMMAND, words, Pid()};
        command.directory = dir_.path();
        command.before_exec = [&] {
          if (!RefuseCalls({call}, error)) _exit(99);
        };
        const Result result = RunProgram(command);
        EXPECT_EQ(result.exit_status, 0) << words << result.Describe();
        EXPECT_EQ(result.err, "") << words;
      }
    }
  }
  End();
  EXPECT_EQ(ExpectGoodProfiles(dir_.path()).size(), 4u);
}

// Several at once ask one process: each gets its own files, and none takes another for a debugger.
TEST_F(DumpReal, LookersWaitForEachOther) {
  Start({PROGRAMS_DIR "/dump_subject"}, "", true, "ready");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([pid = program_->pid()] {
      try {
        tools::Looker looker(pid, 10, -1);
        for (int look = 0; look < 10; ++look) {
          ASSERT_EQ(looker.Look(), tools::Looker::Outcome::kSeen);
          ASSERT_EQ(access(looker.memory_file().c_str(), F_OK), 0);
        }
      } catch (const tools::Failure& failure) {
        ADD_FAILURE() << failure.what();
      }
    });
  }
  // Nor does the other command.
  for (int i = 0; i < 5; ++i) {
    const Result dumped = RunCommand({"dump", Pid()});
    EXPECT_EQ(dumped.exit_status, 0) << dumped.err;
  }
  for (std::thread& thread : threads) thread.join();
}

// As kernel.yama.ptrace_scope=1 has it.
TEST_F(DumpReal, MemoryThatMayNotBeReadIsSaid) {
  Start({PROGRAMS_DIR "/dump_subject"}, "", true, "ready");
  const std::vector<std::vector<std::string>> commands = {
      {"dump", Pid()}, {"dump", "--profile=memory", Pid()}, {"memory", Pid()}, {"threads", Pid()}};
  for (const auto& words : commands) {
    Command command;
    command.argv = words;
    command.argv.insert(command.argv.begin(), HEAPPROF_COMMAND);
    command.before_exec = [] { RefuseCalls({SYS_process_vm_readv}, EPERM); };
    const Result result = RunProgram(command);
    EXPECT_EQ(result.exit_status, 2) << words[0];
    EXPECT_THAT(result.err, HasSubstr("its memory cannot be read: Operation not permitted"));
    EXPECT_THAT(result.err, HasSubstr("ask as root"));
    EXPECT_THAT(result.err, HasSubstr("nothing is sent"));
    EXPECT_EQ(result.err.find("--force") != std::string::npos, words.size() == 2 && words[0] == "dump")
        << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

// A folder of another user's process may be whatever he likes: root makes none there that he could not make.
TEST_F(DumpReal, FoldersAreMadeWithTheRightsOfTheProcess) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  constexpr uid_t kNobody = 65534;
  std::string shared = "/dev/shm/heapprof-test.XXXXXX";
  ASSERT_NE(mkdtemp(shared.data()), nullptr);
  ASSERT_EQ(chown(shared.c_str(), kNobody, kNobody), 0);
  before_exec_ = [] {
    // Only root may write in its /tmp and /var/tmp.
    const bool done = unshare(CLONE_NEWNS) == 0 && mount("", "/", "", MS_REC | MS_PRIVATE, "") == 0 &&
                      mount("tmpfs", "/tmp", "tmpfs", 0, "mode=755") == 0 &&
                      mount("tmpfs", "/var/tmp", "tmpfs", 0, "mode=755") == 0;
    if (!done || setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
        setresuid(kNobody, kNobody, kNobody) != 0) {
      execl("/bin/echo", "echo", "no namespaces", nullptr);
    }
  };
  Start({PROGRAMS_DIR "/dump_subject"}, "output=" + shared + "/p", true, "\n");
  if (program_->so_far().out.find("ready") == std::string::npos)
    GTEST_SKIP() << program_->so_far().Describe();
  {
    tools::Looker looker(program_->pid(), 10, -1);
    EXPECT_EQ(looker.heap_file().rfind(shared + "/heapprof-watch.", 0), 0u) << looker.heap_file();
    EXPECT_EQ(looker.Look(), tools::Looker::Outcome::kSeen);
    struct stat status = {};
    ASSERT_EQ(stat(looker.heap_file().c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, kNobody);
  }
  EXPECT_EQ(RunCommand({"memory", Pid()}).exit_status, 0);
  EXPECT_EQ(ListDir(shared).size(), 0u) << "the command has removed its file";
  End();
  rmdir(shared.c_str());
}

// A look goes to a folder of its own, and the process' own files are as they were.
TEST_F(DumpReal, LooksGoToAPrivateFolder) {
  Start({PROGRAMS_DIR "/dump_subject"}, "output=p.%n:keep_dumps=1", true, "ready");
  EXPECT_EQ(RunCommand({"dump", Pid()}).out, dir_ / "p.0001.heap.pb.gz\n");
  std::string folder;
  {
    tools::Looker looker(program_->pid(), 10, -1);
    folder = looker.heap_file().substr(0, looker.heap_file().rfind('/'));
    struct stat status = {};
    ASSERT_EQ(stat(folder.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(looker.Look(), tools::Looker::Outcome::kSeen);
      EXPECT_THAT(RunCommand({"top", looker.heap_file()}).out, HasSubstr("inuse_space"));
      EXPECT_EQ(RunCommand({"memory", looker.memory_file()}).exit_status, 0);
    }
    // The disk is full, say; then somebody clears up in /tmp.
    looker.RemoveFiles();
    ASSERT_EQ(mkdir(looker.memory_file().c_str(), 0700), 0);
    try {
      looker.Look();
      ADD_FAILURE() << "a folder has the file's name";
    } catch (const tools::Failure& failure) {
      EXPECT_THAT(failure.what(), HasSubstr("could not write its profiles: Is a directory"));
    }
    ASSERT_EQ(rmdir(looker.memory_file().c_str()), 0);
    looker.RemoveFolder();
    try {
      looker.Look();
      ADD_FAILURE() << "there is no folder";
    } catch (const tools::Failure& failure) {
      EXPECT_THAT(failure.what(), HasSubstr("has been removed: start again"));
    }
  }
  EXPECT_NE(access(folder.c_str(), F_OK), 0);
  EXPECT_EQ(RunCommand({"dump", Pid()}).out, dir_ / "p.0002.heap.pb.gz\n");
  EXPECT_EQ(FindProfiles(dir_.path()).size(), 1u);
  // Nobody waits for an answer any more, and the process has gone.
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  close(ends[1]);
  tools::Looker looker(program_->pid(), 10, ends[0]);
  EXPECT_EQ(looker.Look(), tools::Looker::Outcome::kCancelled);
  End();
  EXPECT_EQ(looker.Look(), tools::Looker::Outcome::kEnded);
  close(ends[0]);
}

// A process of another user writes there, too.
TEST_F(DumpReal, LooksAtAProcessOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may look at others";
  if (!HaveProgram("setpriv")) GTEST_SKIP() << "there is no setpriv";
  ASSERT_EQ(chmod(dir_.path().c_str(), 0777), 0);
  ASSERT_EQ(chmod(in_.path().c_str(), 0777), 0);
  Start({"setpriv", "--reuid=65534", "--clear-groups", PROGRAMS_DIR "/dump_subject"}, "output=p.%n", true,
        "ready");
  tools::Looker looker(program_->pid(), 10, -1);
  EXPECT_EQ(looker.Look(), tools::Looker::Outcome::kSeen);
  End();
}

// The options that stand in the program itself are known.
TEST_F(DumpReal, TheProgramsOwnOptions) {
  Start({PROGRAMS_DIR "/dump_subject"}, "", true, "ready");
  for (const char* number : {"0001", "0002"}) {
    const Result result = RunCommand({"dump", Pid()});
    EXPECT_EQ(result.out, dir_ / ("own." + Pid() + "." + number + ".heap.pb.gz") + "\n") << result.Describe();
  }
  EXPECT_EQ(End().exit_status, 4);
  EXPECT_EQ(ExpectGoodProfiles(dir_.path()).size(), 2u);
}

TEST_F(DumpReal, WritesTheOtherProfilesToo) {
  Start({PROGRAMS_DIR "/dump_subject"}, "output=p.%n:keep_dumps=1", true, "ready");
  const Result heap = RunCommand({"dump", Pid()});
  EXPECT_EQ(heap.out, dir_ / "p.0001.heap.pb.gz\n") << heap.Describe();
  EXPECT_EQ(RunCommand({"dump", "--profile", "peak", Pid()}).out, dir_ / "p.0001.peak.pb.gz\n");
  EXPECT_EQ(RunCommand({"dump", "--profile", "growth", Pid()}).out, dir_ / "p.0001.growth.pb.gz\n");
  EXPECT_EQ(RunCommand({"memory", Pid()}).exit_status, 0);
  EXPECT_EQ(access((dir_ / "p.0001.heap.pb.gz").c_str(), F_OK), 0) << "each kind is counted for itself";
  EXPECT_THAT(RunCommand({"top", dir_ / "p.0001.peak.pb.gz"}).out, HasSubstr("inuse_space"));
  EXPECT_EQ(RunCommand({"growth", dir_ / "p.0001.growth.pb.gz"}).exit_status, 0);
  EXPECT_EQ(RunCommand({"dump", "--profile", "lifetimes", Pid()}).out, dir_ / "p.0001.lifetimes.pb.gz\n");
  const Result unknown = RunCommand({"dump", "--profile", "goroutines", Pid()});
  EXPECT_EQ(unknown.exit_status, 2);
  EXPECT_EQ(
      unknown.err,
      "heapprof: there is no profile goroutines: it is heap, peak, growth, lifetimes, memory or threads\n");
  EXPECT_THAT(RunCommand({"dump", "--profile", "mutex", Pid()}).err, HasSubstr("contention_interval"));
  EXPECT_THAT(RunCommand({"dump", "--profile", "cpu", Pid()}).err, HasSubstr("heapprof run --cpu"));
  End();
}

TEST_F(DumpReal, TheNewestOfEachKindAreKept) {
  Start({PROGRAMS_DIR "/dump_subject"}, "output=p.%n:keep_dumps=2", true, "ready");
  for (const char* kind : {"heap", "peak", "growth", "memory", "threads"}) {
    for (const char* number : {"1", "2", "3"}) {
      const std::string file = dir_ / ("p.000" + std::string(number) + "." + kind + ".pb.gz");
      EXPECT_EQ(RunCommand({"dump", "--profile", kind, Pid()}).out, file + "\n");
    }
  }
  for (const char* kind : {"heap", "peak", "growth", "memory", "threads"}) {
    const std::string end = "." + std::string(kind) + ".pb.gz";
    EXPECT_NE(access((dir_ / ("p.0001" + end)).c_str(), F_OK), 0) << kind;
    EXPECT_EQ(access((dir_ / ("p.0002" + end)).c_str(), F_OK), 0) << kind;
    EXPECT_EQ(access((dir_ / ("p.0003" + end)).c_str(), F_OK), 0) << kind;
  }
  End();
}

// No symbols, and no library of that name.
// Without waiting for what cannot come.
TEST_F(DumpReal, WhatCannotBeWrittenIsSaidAtOnce) {
  const std::string folder = in_ / "gone";
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  // The pattern is a folder's name: the last step, the renaming, fails.
  Start({PROGRAMS_DIR "/dump_subject"}, "output=" + folder + "/h", true, "ready");
  ASSERT_EQ(mkdir((folder + "/h.heap.pb.gz").c_str(), 0700), 0);
  const Result refused = RunCommand({"dump", Pid()});
  EXPECT_EQ(refused.exit_status, 2) << refused.Describe();
  EXPECT_EQ(refused.err,
            "heapprof: process " + Pid() + " could not write " + folder + "/h.heap.pb.gz: Is a directory\n");
  EXPECT_LT(refused.seconds, 5);
  // What is read and taken away comes by another way.
  ASSERT_EQ(mkdir((folder + "/h.memory.pb.gz").c_str(), 0700), 0);
  const Result memory = RunCommand({"memory", Pid()});
  EXPECT_THAT(memory.out, HasSubstr("memory of process " + Pid() + ": RSS")) << memory.Describe();
  EXPECT_EQ(memory.err, "");
  EXPECT_EQ(RunCommand({"memory", "--keep", Pid()}).exit_status, 2);
  ASSERT_EQ(rmdir((folder + "/h.memory.pb.gz").c_str()), 0);
  // And again: a later failure is not taken for the earlier one.
  EXPECT_EQ(RunCommand({"dump", Pid()}).err, refused.err);
  ASSERT_EQ(rmdir((folder + "/h.heap.pb.gz").c_str()), 0);
  EXPECT_EQ(RunCommand({"dump", Pid()}).out, folder + "/h.heap.pb.gz\n");
}

TEST_F(DumpReal, AFolderThatHasBeenDeletedIsSaidAtOnce) {
  const std::string folder = in_ / "gone";
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  Start({"/bin/sh", "-c", "cd " + folder + " && exec " PROGRAMS_DIR "/dump_subject"}, "", true, "ready");
  ASSERT_EQ(rmdir(folder.c_str()), 0);
  const Result refused = RunCommand({"dump", Pid()});
  EXPECT_EQ(refused.exit_status, 2) << refused.Describe();
  EXPECT_EQ(refused.err, "heapprof: process " + Pid() + " cannot write a file: its folder " + folder +
                             " has been deleted; nothing is sent\n");
  EXPECT_LT(refused.seconds, 5);
}

TEST_F(DumpReal, AStaticStrippedProgram) {
  Command strip;
  strip.argv = {"strip", "-o", in_ / "server", PROGRAMS_DIR "/dump_subject_whole"};
  ASSERT_TRUE(RunProgram(strip).ok());
  Start({in_ / "server"}, "", false, "ready");
  const Result result = RunCommand({"dump", Pid()});
  EXPECT_EQ(result.out, dir_ / ("own." + Pid() + ".0001.heap.pb.gz\n")) << result.Describe();
  EXPECT_EQ(End().exit_status, 4);
}

TEST_F(DumpReal, AHandlerThatNoLibrarySeesIsNotWoken) {
  Start({PROGRAMS_DIR "/dump_subject", "raw"}, "", true, "ready");
  const Result result = RunCommand({"dump", Pid()});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: process " + Pid() +
                            " has a handler of its own for signal 45; nothing is sent. Start it with another "
                            "dump_signal (USR1 is free there)\n");
  EXPECT_EQ(End().exit_status, 4);
  EXPECT_EQ(FindProfiles(dir_.path()).size(), 0u);
}

// The environment says where its files go; it has another signal now than at its start.
TEST_F(DumpReal, APythonProgramsHandlerIsNotWoken) {
  if (!HaveProgram("/usr/bin/python3")) GTEST_SKIP() << "python3 is not installed";
  Start({"/usr/bin/python3", "-c",
         "import signal, sys\n"
         "old = signal.getsignal(signal.SIGUSR2)\n"
         "print('ready', flush=True)\n"
         "sys.stdin.buffer.raw.read(1)\n"
         "signal.signal(signal.SIGUSR2, lambda *_: sys.exit(9))\n"
         "print('taken', flush=True)\n"
         "sys.stdin.read()\n"
         "sys.exit(4)"},
        "output=py", true, "ready");
  EXPECT_EQ(RunCommand({"dump", Pid()}).out, dir_ / "py.heap.pb.gz\n");
  ASSERT_EQ(write(writer_, "x", 1), 1);
  ASSERT_TRUE(program_->WaitForOutput("taken"));
  EXPECT_THAT(RunCommand({"dump", Pid()}).err,
              HasSubstr(" has a handler of its own for SIGUSR2; nothing is"));
  EXPECT_EQ(End().exit_status, 4);
}

// HotSpot suspends threads by SIGUSR2, and dies of one that it did not send. keytool waits for a password.
TEST_F(DumpReal, AJavaMachineGoesOn) {
  if (!HaveProgram("keytool")) GTEST_SKIP() << "no Java is installed";
  Start({"keytool", "-genkeypair", "-keyalg", "EC", "-alias", "a", "-keystore", "none"}, "", true, "");
  const Result result = RunCommand({"dump", Pid()});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr(" has a handler of its own for SIGUSR2; nothing is sent."));
  const Result ended = End();
  EXPECT_EQ(ended.signal, 0) << ended.Describe();
  EXPECT_FALSE(ended.timed_out);
}

// With another signal it can be dumped.
TEST_F(DumpReal, AJavaMachineWithAnotherSignalIsDumped) {
  if (!HaveProgram("keytool")) GTEST_SKIP() << "no Java is installed";
  Start({"keytool", "-genkeypair", "-keyalg", "EC", "-alias", "a", "-keystore", "none"},
        "dump_signal=USR1:output=java", true, "");
  const Result result = RunCommand({"dump", Pid()});
  EXPECT_EQ(result.out, dir_ / "java.heap.pb.gz\n") << result.Describe();
  EXPECT_EQ(End().signal, 0);
}

// A process of another PID and mount namespace, which calls itself 1 and its folder by another name.
TEST_F(DumpReal, AProcessInNamespacesOfItsOwn) {
  if (getuid() != 0) GTEST_SKIP() << "only root makes namespaces without a user's";
  Start({"unshare", "-pfm", "--mount-proc", PROGRAMS_DIR "/dump_subject"}, "", true, "ready");
  const std::string children = ReadFile("/proc/" + Pid() + "/task/" + Pid() + "/children");
  const Result result = RunCommand({"dump", children.substr(0, children.find(' '))});
  EXPECT_EQ(result.out, dir_ / "own.1.0001.heap.pb.gz\n") << result.Describe();
  EXPECT_EQ(End().exit_status, 4);
}

}  // namespace
}  // namespace heapprof::test
