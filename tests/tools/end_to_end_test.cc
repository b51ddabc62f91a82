// SPDX-License-Identifier: Apache-2.0
// The command with the real library: start a program, have it dump, look at the dump.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tests/support/under.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;

TEST(EndToEnd, RunDumpInfo) {
  if (!HaveProgram("/usr/bin/python3")) GTEST_SKIP() << "python3 is not installed";
  TempDir dir;
  Command command;
  command.directory = dir.path();
  // A pipe that stays open: the program waits.
  command.argv = {"/bin/sh", "-c", "mkfifo in; exec \"$@\" <>in", "sh"};
  const std::string script =
      "import sys; keep = [bytearray(5000) for i in range(100)]; print('ready', flush=True); "
      "sys.stdin.readline(); sys.exit(5)";
  command.argv.insert(command.argv.end(), {HEAPPROF_COMMAND, "run", "--interval", "1", "--output", "py.%p.%n",
                                           "--exit-dump", "--", "/usr/bin/python3", "-c", script});
  Process program(command);
  ASSERT_TRUE(program.WaitForOutput("ready")) << program.so_far().Describe();

  // The pid of `heapprof run` stands for its program's.
  const std::string pid = std::to_string(program.pid());
  const Result dumped = RunCommand({"dump", pid});
  ASSERT_THAT(dumped.out, testing::EndsWith(".0001.heap.pb.gz\n")) << dumped.Describe();
  const std::string first = dumped.out.substr(0, dumped.out.size() - 1);
  const std::string stem = first.substr(0, first.size() - std::string("0001.heap.pb.gz").size());
  ASSERT_EQ(stem.rfind(dir / "py.", 0), 0u) << first;
  const Result again =
      RunCommand({"dump", stem.substr((dir / "py.").size(), stem.size() - (dir / "py.").size() - 1)});
  EXPECT_EQ(again.out, stem + "0002.heap.pb.gz\n") << again.Describe();

  WriteFile(dir / "in", "\n");
  const Result ended = program.Wait();
  EXPECT_EQ(ended.exit_status, 5) << ended.Describe();
  EXPECT_EQ(FindProfiles(dir.path()).size(), 3u);

  const Result info = RunCommand({"info", first});
  ASSERT_TRUE(info.ok()) << info.Describe();
  EXPECT_THAT(info.out,
              HasSubstr("sample types  alloc_objects/count, alloc_space/bytes, inuse_objects/count, "
                        "inuse_space/bytes\n"));
  EXPECT_THAT(info.out, HasSubstr("period        1 space/bytes\n"));
  EXPECT_THAT(info.out, HasSubstr("libheapprof.so"));
  // The command and the decoder that protoc made agree.
  const HeapProfile profile = ReadProfile(first);
  ASSERT_EQ(profile.error(), "");
  EXPECT_GE(profile.Total().inuse_space, 500000);
  EXPECT_THAT(info.out,
              HasSubstr("inuse_space          " + std::to_string(profile.Total().inuse_space) + " bytes"));
  EXPECT_THAT(info.out, HasSubstr("samples       " + std::to_string(profile.proto().sample_size()) + "\n"));
  // Symbolized when the program had ended.
  EXPECT_THAT(RunCommand({"top", "--cum", first}).out, HasSubstr("Py_BytesMain\n"));
}

TEST(EndToEnd, RunNamesTheProfilesOfDescendantsAndNoOlderFiles) {
  TempDir dir;
  pb::Profile old = MakeProfile();
  WriteFile(dir / "h.1.0001.heap.pb.gz", Gzip(old.SerializeAsString()));
  const std::string before = ReadFile(dir / "h.1.0001.heap.pb.gz");
  Command touch;
  touch.argv = {"touch", "-d", "2020-01-01", dir / "h.1.0001.heap.pb.gz"};
  ASSERT_TRUE(RunProgram(touch).ok());
  Command command;
  command.argv = {
      HEAPPROF_COMMAND, "run",         "--quiet", "--interval", "1",  "--output",
      dir / "h.%p.%n",  "--exit-dump", "--",      "/bin/sh",    "-c", "/bin/ls / > /dev/null; exit 3"};
  const Result result = RunProgram(command);
  EXPECT_EQ(result.exit_status, 3) << result.Describe();
  EXPECT_EQ(result.err, "");
  const std::vector<std::string> files = FindProfiles(dir.path());
  ASSERT_EQ(files.size(), 2u) << "dash ends without exit handlers";
  for (const std::string& file : files) {
    if (file == dir / "h.1.0001.heap.pb.gz") continue;
    EXPECT_GT(ReadProfile(file).proto().function_size(), 0) << file;
  }
  EXPECT_EQ(ReadFile(dir / "h.1.0001.heap.pb.gz"), before);
  EXPECT_EQ(ListDir(dir.path()).size(), 2u);
}

TEST(EndToEnd, WithoutSymbolsRunBecomesTheProgram) {
  TempDir dir;
  Command command;
  command.argv = {HEAPPROF_COMMAND, "run", "--no-symbolize", "--interval", "1",      "--output", dir / "h",
                  "--exit-dump",    "--",  "/bin/sh",        "-c",         "echo $$"};
  Process program(command);
  const std::string pid = std::to_string(program.pid());
  EXPECT_EQ(program.Wait().out, pid + "\n");
  EXPECT_EQ(ReadProfile(dir / "h.heap.pb.gz").proto().function_size(), 0);
}

// --exit-dump alone: a short program leaves its profile.
TEST(EndToEnd, ExitDump) {
  TempDir dir;
  Command command;
  command.argv = {HEAPPROF_COMMAND, "run",         "--interval", "1",       "--output",
                  dir / "t",        "--exit-dump", "--",         "/bin/ls", "/"};
  const Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(ExpectGoodProfiles(dir.path()).size(), 1u);
}

// Ctrl-C: the terminal sends it to the whole group. The program has no handler for it.
TEST(EndToEnd, WhatWasAskedForIsWrittenBeforeASignalEndsTheProgram) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    SCOPED_TRACE(signal);
    TempDir dir;
    Command command;
    command.argv = {HEAPPROF_COMMAND, "run",         "--quiet", "--interval", "1",          "--output",
                    dir / "t",        "--exit-dump", "--cpu",   "--",         "/bin/sleep", "600"};
    command.env = {{"LD_BIND_NOW", "1"}};
    Process program(command);
    const std::string children =
        "/proc/" + std::to_string(program.pid()) + "/task/" + std::to_string(program.pid()) + "/children";
    // Its environment holds the options from exec on; the library's handlers stand when SIGUSR2 is caught.
    const auto caught = [&] {
      const std::string child = ReadFile(children);
      const std::string status = ReadFile("/proc/" + child.substr(0, child.find(' ')) + "/status");
      const size_t mask = status.find("SigCgt:");
      return mask != std::string::npos &&
             (strtoull(status.c_str() + mask + 7, nullptr, 16) >> (SIGXCPU - 1) & 1) != 0;
    };
    while (!caught()) usleep(1000);
    kill(-program.pid(), signal);
    const Result result = program.Wait();
    EXPECT_EQ(result.signal, signal) << result.Describe();
    EXPECT_EQ(result.err, "");
    EXPECT_EQ(ListDir(dir.path()), (std::vector<std::string>{"t.cpu.pb.gz", "t.heap.pb.gz"}));
  }
}

TEST(EndToEnd, WhatCouldNotBeWrittenIsSaid) {
  TempDir dir;
  Command command;
  const auto run = [&](std::vector<std::string> options, const std::string& script) {
    command.argv = {HEAPPROF_COMMAND, "run", "--quiet", "--output", dir / "t"};
    command.argv.insert(command.argv.end(), options.begin(), options.end());
    command.argv.insert(command.argv.end(), {"--", "/bin/sh", "-c", script});
    return RunProgram(command);
  };
  Result result = run({"--exit-dump", "--cpu"}, "kill -KILL $$");
  EXPECT_EQ(result.signal, SIGKILL);
  EXPECT_EQ(
      result.err,
      "heapprof: /bin/sh was ended by SIGKILL: the heap and CPU profiles of its end could not be written\n");
  result = run({"--exit-dump"}, "ulimit -c 0; kill -USR2 $$; kill -SEGV $$");
  EXPECT_EQ(result.signal, SIGSEGV);
  EXPECT_EQ(result.err,
            "heapprof: /bin/sh was ended by SIGSEGV: the heap profile of its end could not be written\n");
  EXPECT_EQ(run({}, "kill -KILL $$").err, "") << "nothing was asked for";
  EXPECT_EQ(run({"--exit-dump"}, "kill -TERM $$").err, "");
}

// The files of `folder` whose names end in `suffix`.
std::vector<std::string> FilesOf(const std::string& folder, const std::string& suffix) {
  std::vector<std::string> files;
  for (const std::string& name : ListDir(folder)) {
    if (name.size() > suffix.size() &&
        name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0) {
      files.push_back(folder + "/" + name);
    }
  }
  return files;
}

TEST(EndToEnd, CpuAndHeapOfOneRun) {
  if (!HaveProgram("/usr/bin/python3")) GTEST_SKIP() << "python3 is not installed";
  TempDir dir;
  Command command;
  const std::string script =
      "import time\nkeep = []\n"
      "while time.process_time() < 0.6: keep.append(str(len(keep)))\n"
      "print(time.process_time(), flush=True)\nimport os; os.close(1)";
  command.argv = {
      HEAPPROF_COMMAND, "run",      "--quiet", "--cpu=1000",       "--interval", "1k",  "--exit-dump",
      "--output",       dir / "py", "--",      "/usr/bin/python3", "-c",         script};
  const Result result = RunProgram(command);
  ASSERT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.err, "");
  const CountProfile cpu(ReadFile(dir / "py.cpu.pb.gz"));
  ASSERT_EQ(cpu.error(), "");
  EXPECT_EQ(cpu.proto().period(), 1'000'000);
  EXPECT_EQ(cpu.Comment("cpu-hz"), "1000");
  EXPECT_EQ(cpu.Comment("lost-samples"), "0");
  // What python used by its own clock, less the start of the program before ours, and its end.
  EXPECT_GT(static_cast<double>(cpu.Total()), 0.95 * 1000 * atof(result.out.c_str()));
  EXPECT_LT(static_cast<double>(cpu.Total()), 1.5 * 1000 * atof(result.out.c_str()));
  EXPECT_GT(cpu.In("Py_BytesMain"), cpu.Total() / 2);
  EXPECT_GT(ReadProfile(dir / "py.heap.pb.gz").In("Py_BytesMain").inuse_space, 0);

  EXPECT_THAT(RunCommand({"top", "--cum", dir / "py.cpu.pb.gz"}).out, HasSubstr("Py_BytesMain\n"));
  Command pprof;
  pprof.argv = {HEAPPROF_PPROF, "-symbolize=none", "-top", "-cum", dir / "py.cpu.pb.gz"};
  pprof.env = {{"PPROF_TMPDIR", dir.path()}};
  const Result top = RunProgram(pprof);
  EXPECT_THAT(top.out, HasSubstr("Type: cpu\n")) << top.Describe();
  EXPECT_THAT(top.out, HasSubstr("Py_BytesMain\n"));
}

// g++ starts cc1plus and as, which have profiles of their own; without a rate 100.
TEST(EndToEnd, CpuOfWhatAProgramStarts) {
  if (!HaveProgram("/usr/bin/g++")) GTEST_SKIP() << "g++ is not installed";
  TempDir dir;
  WriteFile(dir / "in.cc",
            "#include <map>\n#include <string>\n"
            "bool f(const std::string& s) { return std::map<std::string, int>{{s, 1}}.empty(); }\n");
  Command command;
  command.directory = dir.path();
  command.argv = {HEAPPROF_COMMAND, "run", "--quiet",      "--cpu", "--output", dir / "%e.%p",
                  "--no-symbolize", "--",  "/usr/bin/g++", "-c",    "in.cc"};
  const Result result = RunProgram(command);
  ASSERT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(FindProfiles(dir.path()).size(), 0u);
  int of_compiler = 0;
  for (const std::string& file : FilesOf(dir.path(), ".cpu.pb.gz")) {
    const CountProfile cpu(ReadFile(file));
    EXPECT_EQ(cpu.error(), "") << file;
    EXPECT_EQ(cpu.proto().period(), 10'000'000);
    if (file.rfind(dir / "cc1plus.", 0) != 0) continue;
    ++of_compiler;
    EXPECT_GT(cpu.Total(), 10) << "it took longer than 100 ms";
  }
  EXPECT_EQ(of_compiler, 1);
}

}  // namespace
}  // namespace heapprof::test
