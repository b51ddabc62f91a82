// SPDX-License-Identifier: Apache-2.0
// Programs that use jemalloc's profiler, moved over: the answers of its controls, its files, and its reader.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/system/peers/peer_files.h"
#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

constexpr char kExact[] = "prof:true,lg_prof_sample:0,prof_accum:true";

// The program under the library, with these settings of jemalloc.
class Moved : public ProgramRun {
 public:
  Moved(const std::string& what, const std::string& settings, const std::string& options = "")
      : Moved("jemalloc_user", what, settings, options) {}

 protected:
  Moved(const std::string& program, const std::string& what, const std::string& settings,
        const std::string& options)
      : ProgramRun({Program(program), what}, options) {
    command().env.push_back({"MALLOC_CONF", settings});
  }
};

// Linked with heapprof in place of jemalloc, which is not there at all then.
class Relinked : public Moved {
 public:
  Relinked(const std::string& what, const std::string& settings)
      : Moved("jemalloc_relinked", what, settings, "") {}
};

// What jeprof makes of a dump: a line "flat flat% sum% cum cum% name" for each function.
class Report {
 public:
  Report(const std::string& path, const std::string& option) {
    Command command;
    command.argv = {"jeprof", "--text", "--show_bytes", option, Program("jemalloc_user"), path};
    result_ = RunProgram(command);
  }
  int64_t Flat(const std::string& function) const {
    std::istringstream lines(result_.out);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      int64_t flat;
      std::string word, name;
      if (words >> flat >> word >> word >> word >> word >> name && name.find(function) != std::string::npos)
        return flat;
    }
    return 0;
  }
  std::string Describe() const { return result_.Describe(); }

 private:
  Result result_;
};

std::vector<std::string> Heaps(const std::string& folder) {
  std::vector<std::string> names;
  for (const std::string& name : ListDir(folder)) {
    if (name.size() > 5 && name.compare(name.size() - 5, 5, ".heap") == 0) names.push_back(name);
  }
  return names;
}

std::string FirstLine(const std::string& path) {
  const std::string text = ReadFile(path);
  return text.substr(0, text.find('\n'));
}

class Controls : public testing::TestWithParam<const char*> {};

// The very program, under the library that it is linked with.
TEST_P(Controls, AnswerAsJemallocDoes) {
  Moved theirs("grid", GetParam()), ours("grid", GetParam());
  std::vector<std::pair<std::string, std::string>> env = {{"MALLOC_CONF", GetParam()}};
  theirs.command().env = env;
  ExpectWell(theirs.Execute());
  ExpectWell(ours.Execute());
  EXPECT_EQ(ours.result().out, theirs.result().out);
  // The program's own jemalloc is loaded, too, and says what it has to.
  EXPECT_EQ(ours.result().err, theirs.result().err + theirs.result().err);
  std::vector<std::string> names[2] = {Heaps(theirs.dir().path()), Heaps(ours.dir().path())};
  EXPECT_EQ(names[0].size(), names[1].size());
}
INSTANTIATE_TEST_SUITE_P(
    Settings, Controls,
    testing::Values("", "prof:true", "prof:false,prof_final:true", "prof:true,lg_prof_sample:70",
                    "prof_leak:true",
                    // jemalloc reads nothing of what stands behind such a place.
                    "no pair,prof:true", "prof,prof:true", "prof:true,,prof:false", ",prof:true",
                    "prof:true,prof_active:false,prof_accum:true,lg_prof_sample:16,prof_prefix:abc,"
                    "lg_prof_interval:30,prof_thread_active_init:false"));

TEST(MovedFromJemalloc, JeprofReadsTheDump) {
  if (!HaveProgram("jeprof")) GTEST_SKIP() << "no jeprof here";
  Moved run("dump", kExact);
  ExpectWell(run.Execute());
  const Report in_use(run.dir() / "dump.heap", "--inuse_space"),
      all(run.dir() / "dump.heap", "--alloc_space");
  EXPECT_EQ(in_use.Flat("HoldBefore"), 300 * 1024) << in_use.Describe();
  EXPECT_EQ(in_use.Flat("HoldAfter"), 100 * 100'000) << in_use.Describe();
  EXPECT_EQ(all.Flat("HoldAfter"), 150 * 100'000) << all.Describe();
}

// What Hold... of the program asks for: a vector, and blocks.
int64_t Held(int64_t blocks, int64_t size) { return blocks * (size + 8); }

TEST(MovedFromJemalloc, TheFiguresAreThoseOfOurOwnProfile) {
  Moved run("dump", kExact);
  ExpectWell(run.Execute());
  const PeerHeap heap(run.dir() / "dump.heap");
  EXPECT_EQ(heap.header(), "heap_v2/1");
  EXPECT_TRUE(heap.has_mappings());
  const HeapProfile ours = ReadProfile(run.dir() / "ours.heap.pb.gz");
  for (const char* function : {"HoldBefore", "HoldAfter"}) {
    EXPECT_EQ(heap.In(function), ours.In(function)) << function;
  }
  EXPECT_EQ(heap.In("HoldBefore").inuse_space, Held(300, 1024));
  EXPECT_EQ(heap.In("HoldAfter").alloc_objects, 152);
}

// jemalloc's own dump, of the same program without ours: it has the sizes of its classes.
TEST(MovedFromJemalloc, TheCountsAreThoseThatJemallocHas) {
  Moved theirs("dump", kExact), ours("dump", kExact);
  theirs.command().env = {{"MALLOC_CONF", kExact}};
  ExpectWell(theirs.Execute());
  ExpectWell(ours.Execute());
  const PeerHeap original(theirs.dir() / "dump.heap"), moved(ours.dir() / "dump.heap");
  EXPECT_EQ(original.header(), moved.header());
  for (const char* function : {"HoldBefore", "HoldAfter"}) {
    const Totals there = original.In(function), here = moved.In(function);
    EXPECT_EQ(there.inuse_objects, here.inuse_objects) << function;
    EXPECT_EQ(there.alloc_objects, here.alloc_objects) << function;
    EXPECT_GE(there.inuse_space, here.inuse_space) << function;
    EXPECT_LE(there.inuse_space, here.inuse_space / 4 * 5) << function;
  }
}

TEST(MovedFromJemalloc, SampledFiguresAreEstimatesAndTheHeaderHasTheInterval) {
  Moved run("dump", "prof:true,lg_prof_sample:16", "seed=7");
  ExpectWell(run.Execute());
  const PeerHeap heap(run.dir() / "dump.heap");
  EXPECT_EQ(heap.header(), "heap_v2/65536");
  EXPECT_NEAR(static_cast<double>(heap.In("HoldAfter").inuse_space), 1e7, 2.5e6);
  EXPECT_EQ(heap.total().alloc_space, 0) << "what was allocated is not told of without prof_accum";
}

TEST(MovedFromJemalloc, AfterAResetOnlyLaterBlocksAreThere) {
  Moved run("reset", kExact);
  ExpectWell(run.Execute());
  const PeerHeap reset(run.dir() / "reset.heap");
  EXPECT_EQ(reset.In("HoldBefore"), Totals());
  EXPECT_EQ(reset.In("HoldAfter"), (Totals{122, Held(120, 2048), 101, Held(100, 2048)}));
  // Freed since, allocated before.
  for (const char* file : {"empty.heap", "again.heap"}) {
    EXPECT_EQ(PeerHeap(run.dir() / file).In("HoldAfter"), Totals()) << file;
  }
}

TEST(MovedFromJemalloc, ResetsAndDumpsWhileThreadsAllocateAndInAChild) {
  Moved run("busy", kExact);
  ExpectWell(run.Execute());
  const PeerHeap busy(run.dir() / "busy.heap"), child(run.dir() / "child.heap");
  EXPECT_EQ(busy.In("HoldAfter").inuse_space, Held(20, 700));
  EXPECT_EQ(busy.In("HoldBefore").inuse_space, 0);
  EXPECT_EQ(child.In("HoldAfter").inuse_space, Held(10, 700));
}

TEST(MovedFromJemalloc, ItIsSwitchedOnAndOff) {
  Moved run("active", std::string(kExact) + ",prof_active:false");
  ExpectWell(run.Execute());
  const PeerHeap heap(run.dir() / "active.heap");
  EXPECT_EQ(heap.In("HoldBefore"), Totals());
  EXPECT_EQ(heap.In("HoldAfter").inuse_space, Held(100, 2048));
}

TEST(MovedFromJemalloc, ThreadsAreSwitchedOffAndHaveNames) {
  Moved run("threads", kExact, "dump_at_exit=1");
  ExpectWell(run.Execute());
  const PeerHeap heap(run.dir() / "threads.heap");
  EXPECT_EQ(heap.In("HoldBefore"), Totals());
  EXPECT_EQ(heap.In("HoldAfter").inuse_space, Held(50, 2000));
  // The name is a label of the thread's samples.
  const std::vector<HeapProfile> profiles = run.Profiles();
  ASSERT_EQ(profiles.size(), 1u);
  bool labelled = false;
  for (const pb::Sample& sample : profiles[0].proto().sample()) {
    for (const pb::Label& label : sample.label()) {
      labelled |= profiles[0].Text(label.key()) == "thread" && profiles[0].Text(label.str()) == "first";
    }
  }
  EXPECT_TRUE(labelled);
}

// It is not replaced: jemalloc_pprof reads by a descriptor that it has from before.
TEST(MovedFromJemalloc, AFileThatIsThereIsWrittenTo) {
  Moved run("own", kExact);
  ExpectWell(run.Execute());
  EXPECT_EQ(run.result().out, "heap_v2\nOK\n");
}

std::string WithoutPid(std::string name) {
  const size_t dot = name.find('.');
  return name.erase(dot, name.find('.', dot + 1) - dot);
}

TEST(MovedFromJemalloc, FilesHaveJemallocsNames) {
  Relinked run("names", "prof:true,prof_final:true");
  ExpectWell(run.Execute());
  std::vector<std::string> names;
  for (const std::string& name : Heaps(run.dir().path())) names.push_back(WithoutPid(name));
  EXPECT_EQ(names, (std::vector<std::string>{"jeprof.0.m0.heap", "jeprof.1.m1.heap", "jeprof.2.m2.heap",
                                             "moved.3.m3.heap", "moved.4.f.heap"}));
}

TEST(MovedFromJemalloc, DumpsComeByThemselves) {
  Moved run("pass", "prof:true,lg_prof_sample:0,lg_prof_interval:24,prof_gdump:true");
  ExpectWell(run.Execute());
  size_t passing = 0, growing = 0;
  for (const std::string& name : Heaps(run.dir().path())) {
    passing += name.find(".i") != std::string::npos;
    growing += name.find(".u") != std::string::npos;
  }
  EXPECT_EQ(passing, 8u) << "128 MiB, one for each 16";
  EXPECT_NEAR(static_cast<double>(growing), 32, 2) << "64 MiB, one for each 2";
}

TEST(MovedFromJemalloc, WhatIsLeftIsToldAndIsAnErrorIfThatIsWanted) {
  Relinked told("leave", "prof_leak:true,lg_prof_sample:0,prof_final:true");
  ExpectWell(told.Execute());
  EXPECT_EQ(Heaps(told.dir().path()).size(), 1u);
  ASSERT_EQ(told.Said().size(), 1u) << told.result().err;
  EXPECT_EQ(told.Said()[0].rfind("heapprof: prof_leak: about 5", 0), 0u) << told.result().err;
  Relinked error("leave", "prof_leak_error:true,lg_prof_sample:0,prof_final:true");
  ExpectWell(error.Execute(), 1);
}

TEST(MovedFromJemalloc, WhatIsGivenToHeapprofStandsOverIt) {
  Moved run("dump", "prof:true,prof_active:false,lg_prof_sample:16", "sample_interval=1");
  ExpectWell(run.Execute());
  EXPECT_EQ(FirstLine(run.dir() / "dump.heap"), "heap_v2/1");
}

TEST(MovedFromJemalloc, KeysThatNobodyKnowsAndThoseWithoutCounterpartHaveALine) {
  Relinked unknown("names", "prof:true,prof_nonsense:1");
  ExpectWell(unknown.Execute());
  EXPECT_EQ(unknown.result().err, "<jemalloc>: Invalid conf pair: prof_nonsense:1\n");
  Relinked without("names", "prof:true,prof_stats:true,prof_recent_alloc_max:100,prof_sys_thread_name:false");
  ExpectWell(without.Execute());
  EXPECT_EQ(without.result().err,
            "heapprof: settings of jemalloc that heapprof has no counterpart of are ignored: prof_stats, "
            "prof_recent_alloc_max\n");
}

}  // namespace
}  // namespace heapprof::test
