// `heapprof dump`: what it finds out of another process, and what it must never do to one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;

// A fake host in a folder of its own.
class Dump : public testing::Test {
 protected:
  // `before` and `after` are the parts of the file's name around the pid.
  void Start(const std::string& mode, const std::string& options, const std::string& before,
             const std::string& after, const std::string& library = "libheapprof.so.0") {
    WriteFile(dir_ / library, std::string(4096, 'x'));
    Command command;
    command.argv = {PROGRAMS_DIR "/fake_host", mode, dir_ / library, before, after};
    command.directory = dir_.path();
    if (!options.empty()) command.env = {{"HEAPPROF_OPTIONS", options}};
    host_ = std::make_unique<Process>(command);
    ASSERT_TRUE(host_->WaitForOutput("ready")) << host_->so_far().Describe();
  }
  std::string Pid() const { return std::to_string(host_->pid()); }
  Result DumpIt(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"dump", Pid()});
    return RunCommand(more);
  }
  bool Alive() const { return kill(host_->pid(), 0) == 0; }

  TempDir dir_;
  std::unique_ptr<Process> host_;
};

TEST_F(Dump, PrintsTheNewFileOfTheDefaultPattern) {
  Start("good", "", "heapprof.", ".0001.heap.pb.gz");
  const Result result = DumpIt();
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_EQ(result.out, (dir_ / ("heapprof." + Pid() + ".0001.heap.pb.gz")) + "\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(Dump, FollowsOutputOutOfTheEnvironment) {
  mkdir((dir_ / "sub").c_str(), 0700);
  Start("good", "verbose=1:output='" + (dir_ / "sub") + "/a:%e-%p':seed=4", dir_ / "sub/a:fake_host-",
        ".heap.pb.gz");
  EXPECT_EQ(DumpIt().out, (dir_ / ("sub/a:fake_host-" + Pid() + ".heap.pb.gz")) + "\n");
}

TEST_F(Dump, ReplacedFileWithoutCountIsSeen) {
  Start("good", "output=%p", "", ".heap.pb.gz");
  EXPECT_EQ(DumpIt().out, (dir_ / (Pid() + ".heap.pb.gz")) + "\n");
  EXPECT_EQ(DumpIt().out, (dir_ / (Pid() + ".heap.pb.gz")) + "\n");
}

TEST_F(Dump, OtherFilesAndUnfinishedOnesAreNotTaken) {
  Start("pieces", "", "heapprof.", ".12345.heap.pb.gz");
  EXPECT_EQ(DumpIt().out, (dir_ / ("heapprof." + Pid() + ".12345.heap.pb.gz")) + "\n");
}

TEST_F(Dump, FindsTheOptionsOfAProgramThatChangedItsTitle) {
  Start("title", "output=moved.%p", "moved.", ".heap.pb.gz");
  const Result result = DumpIt();
  EXPECT_EQ(result.out, (dir_ / ("moved." + Pid() + ".heap.pb.gz")) + "\n") << result.Describe();
}

TEST_F(Dump, OutputMayBeNamed) {
  Start("good", "output=elsewhere", "named.", ".0007.heap.pb.gz");
  EXPECT_EQ(DumpIt({"--output", "named.%p.%n"}).out, (dir_ / ("named." + Pid() + ".0007.heap.pb.gz")) + "\n");
}

TEST_F(Dump, AProcessWithoutTheLibraryIsLeftAlone) {
  Start("good", "", "heapprof.", ".0001.heap.pb.gz", "libother.so.0");
  const Result result = DumpIt();
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("heapprof: process " + Pid() + " does not run under heapprof"));
  EXPECT_TRUE(FindProfiles(dir_.path()).empty());
  EXPECT_EQ(DumpIt({"--force"}).out, (dir_ / ("heapprof." + Pid() + ".0001.heap.pb.gz")) + "\n");
}

TEST_F(Dump, ASignalThatIsNotCaughtIsNeverSent) {
  Start("uncaught", "", "x", "y");
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{{}, {"--force"}}) {
    const Result result = DumpIt(more);
    EXPECT_EQ(result.exit_status, 2);
    EXPECT_EQ(result.err, "heapprof: process " + Pid() +
                              " does not catch SIGUSR2; it is not sent, as it could end the process\n");
    EXPECT_TRUE(Alive());
  }
}

TEST_F(Dump, NoSignalIsSaid) {
  Start("good", "dump_signal=0", "x", "y");
  EXPECT_EQ(DumpIt().err, "heapprof: process " + Pid() + " dumps on no signal: its dump_signal is 0\n");
}

TEST_F(Dump, SaysThatNoFileCame) {
  Start("silent", "", "x", "y");
  const Result result = DumpIt({"--timeout", "0.2"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("heapprof: process " + Pid() + " wrote no file " + dir_.path() +
                                    "/heapprof.%p.%n.heap.pb.gz within 0.2 s"));
}

TEST_F(Dump, SaysThatTheSignalIsBlocked) {
  Start("blocked", "", "x", "y");
  EXPECT_THAT(DumpIt({"--timeout", "0.2"}).err, HasSubstr("every thread of it blocks the signal\n"));
}

TEST_F(Dump, SaysThatTheProcessEnded) {
  Start("ends", "", "x", "y");
  const Result result = DumpIt({"--timeout", "30"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr(" ended before it wrote "));
}

TEST_F(Dump, SaysWhichFolderCannotBeWatched) {
  Start("good", "output=/no/such/folder/%p", "x", "y");
  EXPECT_EQ(DumpIt().err, "heapprof: cannot watch the folder /no/such/folder: No such file or directory\n");
  EXPECT_TRUE(ListDir(dir_.path()) == std::vector<std::string>{"libheapprof.so.0"});
}

TEST(DumpOfNobody, IsSaid) {
  // Pids end below 2^22.
  const Result result = RunCommand({"dump", "4194305"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: there is no process 4194305\n");
}

}  // namespace
}  // namespace heapprof::test
