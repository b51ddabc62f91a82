// SPDX-License-Identifier: Apache-2.0
// Programs that use gperftools' profilers, moved over: its variables, its functions, its files and readers.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/system/peers/peer_files.h"
#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

// The program as it was built, with gperftools' libraries in the process; linked with ours in their place;
// and with the archives of both, of which the linker takes gperftools' functions for CPU profiles.
class MovedFromGperftools : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (access(Program(GetParam()).c_str(), X_OK) != 0)
      GTEST_SKIP() << "no gperftools here (libgoogle-perftools-dev, libunwind-dev)";
  }
  using Env = std::vector<std::pair<std::string, std::string>>;
  void Run(const std::vector<std::string>& words, const Env& env, const std::string& options = "") {
    std::vector<std::string> argv = {Program(GetParam())};
    argv.insert(argv.end(), words.begin(), words.end());
    run_ = std::make_unique<ProgramRun>(argv, options);
    Env& all = run_->command().env;
    const auto is_preload = [](const auto& pair) { return pair.first == "LD_PRELOAD"; };
    const bool is_linked = GetParam() != std::string("gperftools_user");
    if (is_linked) all.erase(std::remove_if(all.begin(), all.end(), is_preload), all.end());
    all.insert(all.end(), env.begin(), env.end());
    ExpectWell(run_->Execute());
  }
  std::string Path(const std::string& name) const { return run_->dir() / name; }
  std::vector<std::string> Heaps() const {
    std::vector<std::string> names;
    for (const std::string& name : ListDir(run_->dir().path())) {
      if (name.find(".heap") != std::string::npos && name.find(".heap.pb.gz") == std::string::npos)
        names.push_back(name);
    }
    return names;
  }

  std::unique_ptr<ProgramRun> run_;
};

TEST_P(MovedFromGperftools, TheVariableProfilesFromTheStartAndExactly) {
  Run({"hold"}, {{"HEAPPROFILE", "mine"}});
  ASSERT_EQ(Heaps(), std::vector<std::string>{"mine.0001.heap"});
  const PeerHeap heap(Path("mine.0001.heap"));
  EXPECT_NE(heap.header().find("] @ heapprofile"), std::string::npos) << heap.header();
  EXPECT_EQ(heap.In("HoldAfter"), (Totals{101, 100 * 3008, 100, 100 * 3000}));
  EXPECT_EQ(heap.In("HoldBefore").inuse_space, 0);
  EXPECT_EQ(heap.In("HoldBefore").alloc_space, 50 * 3000 + 50 * 8);
  EXPECT_TRUE(run_->Said().empty()) << run_->result().err;
}

TEST_P(MovedFromGperftools, AGivenIntervalStandsOverIt) {
  Run({"hold"}, {{"HEAPPROFILE", "mine"}}, "sample_interval=4k:seed=5");
  const PeerHeap heap(Path("mine.0001.heap"));
  EXPECT_NE(heap.header().find("] @ heap_v2/4096"), std::string::npos) << heap.header();
  EXPECT_NEAR(static_cast<double>(heap.In("HoldAfter").inuse_space), 3e5, 1e5);
  Run({"heap"}, {{"TCMALLOC_SAMPLE_PARAMETER", "8192"}});
  EXPECT_NE(PeerHeap(Path("one.0001.heap")).header().find("] @ heap_v2/8192"), std::string::npos);
}

TEST_P(MovedFromGperftools, FilesComeByBytesAllocatedAndByBytesInUse) {
  Run({"allocate"}, {{"HEAPPROFILE", "mine"},
                     {"HEAP_PROFILE_ALLOCATION_INTERVAL", "16777216"},
                     {"HEAP_PROFILE_INUSE_INTERVAL", "0"}});
  EXPECT_EQ(Heaps().size(), 8u + 1) << "128 MiB, and the last one";
  Run({"allocate"}, {{"HEAPPROFILE", "mine"},
                     {"HEAP_PROFILE_ALLOCATION_INTERVAL", "0"},
                     {"HEAP_PROFILE_INUSE_INTERVAL", "16000000"}});
  EXPECT_EQ(Heaps().size(), 4u + 1) << "64 MiB at once, and the last one";
  Run({"allocate"}, {{"HEAPPROFILE", "mine"}, {"HEAP_PROFILE_INUSE_INTERVAL", "16k"}});
  ASSERT_EQ(run_->Said().size(), 1u) << run_->result().err;
  EXPECT_EQ(run_->Said()[0].rfind("heapprof: HEAP_PROFILE_INUSE_INTERVAL=16k is ignored", 0), 0u);
}

TEST_P(MovedFromGperftools, ASignalWritesAFile) {
  Run({"signal"}, {{"HEAPPROFILE", "mine"}, {"HEAPPROFILESIGNAL", std::to_string(SIGUSR1)}});
  ASSERT_EQ(Heaps(), (std::vector<std::string>{"mine.0001.heap", "mine.0002.heap"}));
  EXPECT_EQ(PeerHeap(Path("mine.0001.heap")).In("HoldAfter").inuse_objects, 11);
}

TEST_P(MovedFromGperftools, FunctionsStartAnewStopAndGiveTheText) {
  Run({"heap"}, {}, "sample_interval=1");
  ASSERT_EQ(Heaps(), (std::vector<std::string>{"one.0001.heap", "two.0002.heap"})) << "numbers go on";
  const PeerHeap heap(Path("one.0001.heap")), text = PeerHeap::OfText(run_->result().out);
  for (const PeerHeap* one : {&heap, &text}) {
    EXPECT_EQ(one->In("HoldBefore").alloc_objects, 0);
    EXPECT_EQ(one->In("HoldAfter").inuse_space, 100 * 2048 + 100 * 8);
    EXPECT_EQ(one->In("HoldAfter").alloc_space, 120 * 2048 + 120 * 8);
    EXPECT_TRUE(one->has_mappings());
  }
  EXPECT_EQ(PeerHeap(Path("two.0002.heap")).In("HoldAfter").alloc_objects, 0);
}

TEST_P(MovedFromGperftools, AChildHasFilesOfItsOwn) {
  for (const bool executes : {false, true}) {
    executes ? Run({"child", "exec"}, {{"HEAPPROFILE", "mine"}}) : Run({"child"}, {{"HEAPPROFILE", "mine"}});
    const std::vector<std::string> names = Heaps();
    ASSERT_EQ(names.size(), 2u) << executes;
    EXPECT_EQ(names[0], "mine.0001.heap");
    EXPECT_EQ(names[1].rfind("mine_", 0), 0u) << names[1];
    EXPECT_EQ(PeerHeap(Path(names[0])).In("HoldBefore").alloc_objects, 0);
    EXPECT_EQ(PeerHeap(Path(names[1])).In("HoldBefore").alloc_objects, executes ? 51 : 0);
  }
}

TEST_P(MovedFromGperftools, CpuProfilesByTheVariable) {
  Run({"spin"}, {{"CPUPROFILE", "mine.prof"}, {"CPUPROFILE_FREQUENCY", "250"}});
  const PeerCpu cpu(Path("mine.prof"));
  ASSERT_TRUE(cpu.good());
  EXPECT_EQ(cpu.period(), 4000u);
  EXPECT_NEAR(static_cast<double>(cpu.In("Spin")), 75, 40);
  EXPECT_GE(cpu.In("main"), cpu.In("Spin"));
}

TEST_P(MovedFromGperftools, CpuProfilesByFunctions) {
  Run({"cpu"}, {});
  const PeerCpu cpu(Path("by_call.prof"));
  ASSERT_TRUE(cpu.good());
  EXPECT_EQ(cpu.period(), 10'000u);
  EXPECT_NEAR(static_cast<double>(cpu.In("Spin")), 30, 20);
}

TEST_P(MovedFromGperftools, ASignalStartsAndStopsCpuProfiles) {
  Run({"toggle"}, {{"CPUPROFILE", "mine.prof"}, {"CPUPROFILESIGNAL", std::to_string(SIGUSR1)}});
  for (const char* name : {"mine.prof.0", "mine.prof.1"}) EXPECT_TRUE(PeerCpu(Path(name)).good()) << name;
}

TEST_P(MovedFromGperftools, AProfileWithOptions) {
  Run({"options"}, {});
  for (const char* name : {"plain.prof", "filtered.prof"}) EXPECT_TRUE(PeerCpu(Path(name)).good()) << name;
}

TEST_P(MovedFromGperftools, TheExtensionAnswersForOurHeap) { Run({"extension"}, {}); }

// Of the program that is linked with ours: the others' are the same.
using AsLinked = MovedFromGperftools;
TEST_P(AsLinked, FilesComeByTime) {
  Run({"time"}, {{"HEAPPROFILE", "mine"}, {"HEAP_PROFILE_TIME_INTERVAL", "1"}});
  EXPECT_GE(Heaps().size(), 2u);
}

TEST_P(AsLinked, OldOnesAndTodaysReadTheFiles) {
  Run({"hold"}, {{"HEAPPROFILE", "mine"}});
  const std::string program = Program(GetParam()), heap = Path("mine.0001.heap");
  const auto read = [&](const std::vector<std::string>& argv) {
    Command command;
    command.argv = argv;
    command.env = {{"PPROF_TMPDIR", run_->dir().path()}};
    return RunProgram(command);
  };
  const Result today = read({PPROF, "-top", "-sample_index=inuse_space", "-unit=b", program, heap});
  EXPECT_NE(today.out.find("300000B"), std::string::npos) << today.Describe();
  const bool has_old = HaveProgram("google-pprof");
  if (has_old) {
    const Result old = read({"google-pprof", "--text", "--show_bytes", program, heap});
    EXPECT_NE(old.out.find("300000"), std::string::npos) << old.Describe();
  }
  Run({"spin"}, {{"CPUPROFILE", "mine.prof"}});
  const Result cpu = read({PPROF, "-top", program, Path("mine.prof")});
  EXPECT_NE(cpu.out.find("Spin"), std::string::npos) << cpu.Describe();
  if (!has_old) GTEST_SKIP() << "no google-pprof here (google-perftools)";
  const Result old = read({"google-pprof", "--text", program, Path("mine.prof")});
  EXPECT_NE(old.out.find("Spin"), std::string::npos) << old.Describe();
}

INSTANTIATE_TEST_SUITE_P(Forms, MovedFromGperftools,
                         testing::Values("gperftools_user", "gperftools_relinked", "gperftools_archives"),
                         [](const auto& info) { return std::string(info.param); });

INSTANTIATE_TEST_SUITE_P(Forms, AsLinked, testing::Values("gperftools_relinked"));

}  // namespace
}  // namespace heapprof::test
