// SPDX-License-Identifier: Apache-2.0
// The watchdog and the decoder are tested first: a test that stands on a silent one proves nothing.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

#include "tests/support/elf_symbols.h"
#include "tests/support/files.h"
#include "tests/support/profile.h"
#include "tests/support/subprocess.h"

namespace heapprof::test {
namespace {

Command Target(std::vector<std::string> arguments) {
  Command command;
  command.argv = {PROGRAMS_DIR "/support_target"};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return command;
}

TEST(Subprocess, OutputAndStatus) {
  const Result result = RunProgram(Target({"speak"}));
  EXPECT_EQ(result.out, "to out\n");
  EXPECT_EQ(result.err, "to err\n");
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_EQ(result.signal, 0);
  EXPECT_FALSE(result.ok());
}

TEST(Subprocess, MoreOutputThanAPipeHolds) {
  const Result result = RunProgram(Target({"flood"}));
  EXPECT_EQ(result.out.size(), 1100000u);
  EXPECT_EQ(result.err.size(), 1100000u);
}

TEST(Subprocess, EndBySignal) {
  const Result result = RunProgram(Target({"die"}));
  EXPECT_EQ(result.signal, SIGTERM);
  EXPECT_EQ(result.exit_status, -1);
}

TEST(Subprocess, MissingProgram) {
  Command command;
  command.argv = {"/nowhere/at/all"};
  EXPECT_EQ(RunProgram(command).exit_status, 127);
}

TEST(Subprocess, WatchdogShowsStacksAndKillsTheGroup) {
  // Both are where they hang before the time is over, however busy the machine is.
  Process process(Target({"hang"}));
  ASSERT_TRUE(process.WaitForOutput("child hangs")) << process.so_far().Describe();
  ASSERT_TRUE(process.WaitForOutput("parent hangs")) << process.so_far().Describe();
  const size_t at = process.so_far().out.find("pid ");
  ASSERT_NE(at, std::string::npos);
  const int child = atoi(process.so_far().out.c_str() + at + strlen("pid "));
  pollfd child_ends = {static_cast<int>(syscall(SYS_pidfd_open, child, 0)), POLLIN, 0};
  ASSERT_GE(child_ends.fd, 0);
  const Result result = process.Expired();
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.signal, SIGKILL);
  if (HaveProgram("gdb")) {
    EXPECT_NE(result.err.find("HangsHere"), std::string::npos) << result.err;
  }
  // Killed, which takes the kernel its time; this returns when it has ended, reaped or not.
  constexpr int kMilliseconds = 60'000;
  EXPECT_EQ(poll(&child_ends, 1, kMilliseconds), 1);
  close(child_ends.fd);
}

// Without being asked, too.
TEST(Subprocess, WatchdogActsWhenTheTimeIsOver) {
  Command command = Target({"hang"});
  command.timeout_seconds = 1;
  const Result result = RunProgram(command);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.signal, SIGKILL);
}

TEST(Subprocess, EnvironmentOfTheTestIsClean) {
  setenv("HEAPPROF_OPTIONS", "from the test", 1);
  EXPECT_EQ(RunProgram(Target({"env", "HEAPPROF_OPTIONS"})).out, "(none)\n");
  unsetenv("HEAPPROF_OPTIONS");
  Command command = Target({"env", "HEAPPROF_OPTIONS"});
  command.env = {{"HEAPPROF_OPTIONS", "from the command"}};
  EXPECT_EQ(RunProgram(command).out, "from the command\n");
}

TEST(Files, TempDirIsRemoved) {
  std::string path;
  {
    TempDir dir;
    path = dir.path();
    WriteFile(dir / "b.heap.pb.gz", "x");
    WriteFile(dir / "a.heap.pb.gz", "y");
    WriteFile(dir / "a.cpu.pb.gz", "z");
    EXPECT_EQ(FindProfiles(path), (std::vector<std::string>{dir / "a.heap.pb.gz", dir / "b.heap.pb.gz"}));
    EXPECT_EQ(ReadFile(dir / "a.cpu.pb.gz"), "z");
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

// A heap profile of one sample, right in every rule.
pb::Profile Small() {
  pb::Profile profile;
  for (const char* text : {"", "alloc_objects", "count", "alloc_space", "bytes", "inuse_objects",
                           "inuse_space", "space", "leaf(int)", "root()"}) {
    profile.add_string_table(text);
  }
  for (auto [type, unit] : {std::pair{1, 2}, {3, 4}, {5, 2}, {6, 4}}) {
    pb::ValueType* value = profile.add_sample_type();
    value->set_type(type);
    value->set_unit(unit);
  }
  profile.mutable_period_type()->set_type(7);
  profile.mutable_period_type()->set_unit(4);
  profile.set_time_nanos(1);
  for (int id : {1, 2}) {
    pb::Function* function = profile.add_function();
    function->set_id(id);
    function->set_name(7 + id);
    pb::Location* location = profile.add_location();
    location->set_id(id);
    location->add_line()->set_function_id(id);
  }
  pb::Sample* sample = profile.add_sample();
  for (int id : {1, 2}) sample->add_location_id(id);
  for (int value : {3, 300, 1, 100}) sample->add_value(value);
  return profile;
}

std::string Gzip(const std::string& plain) {
  std::string packed(plain.size() + 1000, '\0');
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

TEST(Profile, GoodOneIsRead) {
  const HeapProfile profile = ParseProfile(Gzip(Small().SerializeAsString()));
  ASSERT_EQ(profile.error(), "");
  const Totals all{3, 300, 1, 100};
  EXPECT_EQ(profile.Total(), all);
  EXPECT_EQ(profile.In("root"), all);
  EXPECT_EQ(profile.AtLeaf("leaf"), all);
  EXPECT_EQ(profile.AtLeaf("root"), Totals{});
  EXPECT_EQ(profile.In("absent"), Totals{});
}

TEST(Profile, TornOrLongerFileIsFound) {
  const std::string packed = Gzip(Small().SerializeAsString());
  EXPECT_NE(ParseProfile(packed.substr(0, packed.size() - 1)).error(), "");
  EXPECT_NE(ParseProfile(packed + "x").error(), "");
  EXPECT_NE(ParseProfile("").error(), "");
}

TEST(Profile, BrokenRulesAreFound) {
  auto error_of = [](void (*break_it)(pb::Profile*)) {
    pb::Profile profile = Small();
    break_it(&profile);
    return ParseProfile(Gzip(profile.SerializeAsString())).error();
  };
  EXPECT_EQ(error_of([](pb::Profile* p) { p->mutable_sample(0)->set_value(2, -1); }), "in use below zero");
  EXPECT_EQ(error_of([](pb::Profile* p) { p->mutable_sample(0)->set_value(3, 301); }),
            "in use above allocated");
  EXPECT_EQ(error_of([](pb::Profile* p) { p->mutable_sample(0)->set_location_id(0, 9); }),
            "unknown location");
  EXPECT_EQ(error_of([](pb::Profile* p) { p->mutable_location(0)->set_id(2); }), "bad id of a location");
  EXPECT_EQ(error_of([](pb::Profile* p) { p->mutable_sample_type()->SwapElements(0, 1); }),
            "wrong sample type");
  EXPECT_EQ(error_of([](pb::Profile* p) { p->mutable_sample(0)->clear_location_id(); }),
            "sample without a stack");
}

TEST(ElfSymbols, NoElfFileHasNoNames) {
  EXPECT_EQ(ElfSymbols("/dev/null").NameAt(0), "");
  EXPECT_EQ(ElfSymbols("/nowhere").NameAt(4096), "");
}

}  // namespace
}  // namespace heapprof::test
