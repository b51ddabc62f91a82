// The command with the real library: start a program, have it dump, look at the dump.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  command.argv.insert(
      command.argv.end(),
      {HEAPPROF_COMMAND, "run", "--interval", "1", "--output", "py.%p.%n", "--exit-dump", "--",
       "/usr/bin/python3", "-c",
       "import sys; keep = [bytearray(5000) for i in range(100)]; print('ready', flush=True); "
       "sys.stdin.readline(); sys.exit(5)"});
  Process program(command);
  ASSERT_TRUE(program.WaitForOutput("ready")) << program.so_far().Describe();

  const std::string pid = std::to_string(program.pid());
  const std::string first = dir / ("py." + pid + ".0001.heap.pb.gz");
  const Result dumped = RunCommand({"dump", pid});
  ASSERT_EQ(dumped.out, first + "\n") << dumped.Describe();
  const Result again = RunCommand({"dump", pid});
  EXPECT_EQ(again.out, dir / ("py." + pid + ".0002.heap.pb.gz\n")) << again.Describe();

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

}  // namespace
}  // namespace heapprof::test
