// SPDX-License-Identifier: Apache-2.0
// A server in simulated time, from the recorder to what `heapprof growth` names: 200 MiB that come and go,
// and a leak if it is asked for. Each run is a child, whose tables and clock are its own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/options.h"
#include "base/system/coarse_clock.h"
#include "profiles/write/heap_profile.h"
#include "proto/descriptor_sink.h"
#include "sampling/heap/heap_tables.h"
#include "sampling/recorder.h"
#include "tools/profile/load.h"
#include "tools/report/growth_report.h"
#include "tools/symbols/naming/symbolize.h"

namespace heapprof {
namespace {

int64_t g_seconds = 1000;
int SimulatedClock(clockid_t, timespec* now) {
  *now = {g_seconds, 0};
  return 0;
}

struct Block {
  uintptr_t address;
};

uintptr_t g_next = uintptr_t{1} << 40;

// What the fast path does, at made-up addresses.
__attribute__((noinline)) Block Allocate(size_t size) {
  const Block block = {g_next += 1 << 20};
  const uint64_t before = t_countdown.countdown;
  t_countdown.countdown = before - size;
  if (before > size && IsDrawnOfPresentInterval(t_countdown)) return block;
  if (const uint64_t interval = recorder::Decide(size))
    recorder::RecordAllocation(reinterpret_cast<void*>(block.address), size, interval,
                               HEAPPROF_CALLER_FRAME());
  return block;
}
void Free(Block block) { recorder::RecordFree(reinterpret_cast<void*>(block.address)); }

}  // namespace
}  // namespace heapprof

// In no namespace of ours: the profile has readers drop those frames.
#define SITE(name)                                                     \
  static __attribute__((noinline)) heapprof::Block name(size_t size) { \
    const heapprof::Block block = heapprof::Allocate(size);            \
    asm volatile("# " #name); /* or equal functions become one */      \
    return block;                                                      \
  }
SITE(Churn0)
SITE(Churn1)
SITE(Churn2)
SITE(Churn3)
SITE(Churn4)
SITE(Churn5)
SITE(Churn6)
SITE(Churn7)
SITE(Leak)

namespace heapprof {
namespace {

void Serve(int minutes, size_t leaked_a_minute, unsigned seed) {
  std::mt19937 random(seed);
  Block (*const sites[])(size_t) = {Churn0, Churn1, Churn2, Churn3, Churn4, Churn5, Churn6, Churn7};
  constexpr size_t kSizes[] = {32 << 10, 8 << 10, 64 << 10, 24 << 10, 100 << 10, 4 << 10, 16 << 10, 40 << 10};
  constexpr size_t kBlocks = 5700;  // 200 MiB
  const auto make = [&](size_t i) { return sites[i % 8](kSizes[i % 8]); };
  std::vector<Block> blocks;
  for (size_t i = 0; i < kBlocks; ++i) blocks.push_back(make(i));
  constexpr int kSteps = 6;
  for (int step = 0; step < minutes * kSteps; ++step) {
    for (size_t i = 0; i < kBlocks / kSteps; ++i) {
      const size_t at = random() % kBlocks;
      Free(blocks[at]);
      blocks[at] = make(at);
    }
    constexpr size_t kLeaked = 1024;
    for (size_t i = 0; i < leaked_a_minute / kLeaked / kSteps; ++i) Leak(kLeaked);
    g_seconds += 60 / kSteps;
  }
}

std::string FileOf(int minutes, size_t leaked_a_minute, unsigned seed) {
  char path[] = "/tmp/growth_test.XXXXXX";
  const int fd = mkstemp(path);
  EXPECT_GE(fd, 0);
  const pid_t child = fork();
  if (child == 0) {
    SetVdsoClock(SimulatedClock);
    InitOptions(("sample_interval=512k,seed=" + std::to_string(seed)).c_str(), nullptr, false);
    recorder::Start();
    Serve(minutes, leaked_a_minute, seed);
    void* const workspace = aligned_alloc(64, HeapProfileWorkspaceSize());
    memset(workspace, 0, HeapProfileWorkspaceSize());
    DescriptorSink sink(fd);
    _exit(WriteHeapProto(HeapProfileKind::kGrowth, &sink, workspace) == 0 ? 0 : 1);
  }
  int status = -1;
  EXPECT_TRUE(waitpid(child, &status, 0) == child && status == 0);
  close(fd);
  return path;
}

// The functions that are named, in any window.
std::set<std::string> NamedAfter(int minutes, size_t leaked_a_minute, unsigned seed) {
  const std::string path = FileOf(minutes, leaked_a_minute, seed);
  tools::LoadOptions load;
  load.apply_drop_frames = false;  // this test is in a namespace that they name
  // Names only where something is looked for: they take time.
  if (leaked_a_minute != 0) {
    tools::SymbolizeOptions names;
    names.debuginfod = false;
    names.quiet = true;
    load.prepare = [names](tools::Profile* loaded) { tools::Symbolize(loaded, names); };
  }
  const tools::Profile profile = tools::LoadNamedProfile(path, load);
  unlink(path.c_str());
  tools::ViewOptions options;
  options.unfold = true;
  std::set<std::string> named;
  for (const tools::GrowthWindow& window :
       tools::FindGrowth(path, profile, options, tools::Granularity::kFunction)) {
    for (const tools::DiffLine& line : window.diff.functions) {
      if (line.grew) named.insert(line.frames[0].name);
    }
    for (const tools::DiffLine& line : window.diff.stacks) {
      if (line.grew) named.insert(line.frames[0].name);
    }
    if (window.diff.total.grew) named.insert("total");
  }
  return named;
}

TEST(GrowthTest, ALeakOfAMiBAMinuteBeside200MiBOfChurnIsNamedWithin20Minutes) {
  int found = 0;
  constexpr int kRuns = 20;
  for (unsigned seed = 1; seed <= kRuns; ++seed) {
    const std::set<std::string> named = NamedAfter(19, 1 << 20, seed);
    for (const std::string& name : named) found += name.find("Leak") != std::string::npos;
    for (const std::string& name : named) EXPECT_EQ(name.find("Churn"), std::string::npos) << seed;
  }
  EXPECT_EQ(found, kRuns);
}

TEST(GrowthTest, NothingIsNamedInTwoHundredRunsWithoutALeak) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    const std::set<std::string> named = NamedAfter(20, 0, seed);
    EXPECT_TRUE(named.empty()) << seed << ": " << *named.begin();
  }
}

}  // namespace
}  // namespace heapprof
