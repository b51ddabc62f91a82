// SPDX-License-Identifier: Apache-2.0
// The profiles "block" and "mutex" of whole programs, and what they leave as it was.
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

const std::vector<std::string> kTypes = {"contentions/count", "delay/nanoseconds"};

TypedProfile Read(const ProgramRun& run, const std::string& name) {
  TypedProfile profile(ReadFile(run.dir().path() + "/" + name));
  EXPECT_EQ(profile.error(), "") << name;
  EXPECT_EQ(profile.Types(), kTypes);
  return profile;
}

class Kinds : public testing::TestWithParam<std::string> {};

// In the archive the program's import slots are the library's, too.
TEST_P(Kinds, EveryKindOfWaitIsBlamedOnWhoWaited) {
  ProgramRun run({Program(GetParam()), ".", "kinds"}, "contention_interval=1");
  // The archive is there already.
  auto& env = run.command().env;
  const auto is_preload = [](const auto& variable) { return variable.first == "LD_PRELOAD"; };
  if (GetParam() != "waits") env.erase(std::remove_if(env.begin(), env.end(), is_preload), env.end());
  ExpectWell(run.Execute());
  const TypedProfile block = Read(run, "block"), mutex = Read(run, "mutex");
  for (const char* waiter :
       {"wait_lock",        "wait_timedlock",   "wait_clocklock",   "wait_rdlock",    "wait_timedrdlock",
        "wait_clockrdlock", "wait_timedwrlock", "wait_clockwrlock", "wait_mtx",       "wait_mtx_timed",
        "wait_cond",        "wait_cond_timed",  "wait_cond_clock",  "wait_cnd_timed", "wait_sem",
        "wait_sem_timed",   "wait_sem_clock",   "wait_barrier",     "wait_join",      "wait_futex"}) {
    // There syscall() is the program's own function, and no import.
    if (GetParam() == "waits_archive" && std::string(waiter) == "wait_futex") continue;
    EXPECT_GE(block.In("contentions", waiter), 1) << waiter;
    EXPECT_GE(block.In("delay", waiter), 9'000'000) << waiter;
    EXPECT_EQ(mutex.In("contentions", waiter), 0) << waiter;
  }
  // It was free.
  EXPECT_EQ(block.In("contentions", "wait_wrlock"), 0);
  // The mutex, the read-write lock and C11's mutex; what it waited for itself it does not blame.
  EXPECT_EQ(mutex.In("contentions", "hold_all"), 3);
  EXPECT_GE(mutex.In("delay", "hold_all"), 30'000'000);
  // Who was woken waits for the mutex from then on.
  EXPECT_EQ(mutex.In("contentions", "wake_later"), 1);
  EXPECT_GE(mutex.In("delay", "wake_later"), 9'000'000);
  EXPECT_LT(mutex.In("delay", "wake_later"), block.In("delay", "wait_cond"));
  // No frame of the library is the leaf.
  for (const pb::Sample& sample : block.proto().sample()) {
    const std::vector<std::string> stack = block.Stack(sample);
    ASSERT_FALSE(stack.empty());
    EXPECT_EQ(stack[0].find("heapprof"), std::string::npos) << stack[0];
  }
}

INSTANTIATE_TEST_SUITE_P(Waits, Kinds, testing::Values("waits", "waits_archive"),
                         [](const auto& info) { return info.param; });

TEST(Waits, TheTextIsGosAndPprofReadsBoth) {
  ProgramRun run({Program("waits"), ".", "kinds"}, "contention_interval=1");
  ExpectWell(run.Execute());
  const std::string block = ReadFile(run.dir().path() + "/block.txt");
  EXPECT_EQ(block.rfind("--- contention:\ncycles/second=1000000000\n", 0), 0u) << block;
  const std::string mutex = ReadFile(run.dir().path() + "/mutex.txt");
  EXPECT_EQ(mutex.rfind("--- mutex:\ncycles/second=1000000000\nsampling period=1\n", 0), 0u) << mutex;
  EXPECT_NE(mutex.find(" 1 @ 0x"), std::string::npos) << mutex;
  EXPECT_NE(mutex.find("hold_all"), std::string::npos) << mutex;
  for (const char* file : {"block", "block.txt", "mutex", "mutex.txt"}) {
    Command pprof;
    pprof.argv = {PPROF, "-top", "-sample_index=contentions", Program("waits"),
                  run.dir().path() + "/" + file};
    const Result result = RunProgram(pprof);
    EXPECT_EQ(result.exit_status, 0) << result.Describe();
    // As Go's, the text names its functions for people and has no mappings that readers could find them by.
    const bool is_text = std::string(file).find(".txt") != std::string::npos;
    const char* expected = is_text ? "Type: contentions" : file[0] == 'b' ? "wait_join" : "hold_all";
    EXPECT_NE(result.out.find(expected), std::string::npos) << file << "\n" << result.Describe();
  }
}

class AtContention : public testing::TestWithParam<std::string> {};

TEST_P(AtContention, LocksKeepTheirSemantics) {
  ProgramRun run({Program("semantics"), "semantics"}, "contention_interval=" + GetParam());
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
}

TEST_P(AtContention, CancellationPointsStayAndNobodyIsLeftWaiting) {
  ProgramRun run({Program("semantics"), "cancelled"}, "contention_interval=" + GetParam());
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
}

INSTANTIATE_TEST_SUITE_P(Waits, AtContention, testing::Values("0", "1", "1ms"),
                         [](const auto& info) { return "at" + info.param; });

TEST(Waits, TheMutexProfileBlamesTheHoldersByWhatOthersWaitedForThem) {
  ProgramRun run({Program("waits"), ".", "holders"}, "contention_interval=1");
  ExpectWell(run.Execute());
  int64_t timed = 0, least_short = 0, most_short = 0, least_long = 0, most_long = 0;
  std::istringstream(run.result().out) >> timed >> least_short >> most_short >> least_long >> most_long;
  const TypedProfile block = Read(run, "block"), mutex = Read(run, "mutex");
  // What the threads have timed themselves has the clock's own time in it, too.
  const int64_t waited = block.In("delay", "wait_for_holder");
  EXPECT_NEAR(static_cast<double>(waited), static_cast<double>(timed), 0.02 * static_cast<double>(timed));
  const int64_t of_short = mutex.In("delay", "hold_short");
  const int64_t of_long = mutex.In("delay", "hold_long");
  EXPECT_GE(of_short, least_short);
  EXPECT_LE(of_short, most_short);
  EXPECT_GE(of_long, least_long);
  EXPECT_LE(of_long, most_long);
  EXPECT_EQ(mutex.In("contentions", "hold_short"), 10);
  EXPECT_EQ(mutex.In("contentions", "hold_long"), 10);
}

// While somebody sleeps, others may have the lock a thousand times before it has its turn.
TEST(Waits, AnUnlockIsChargedThatFreesTheLockAndHasSomebodyToWake) {
  ProgramRun run({Program("wakes"), "."}, "contention_interval=1");
  ExpectWell(run.Execute());
  const TypedProfile block = Read(run, "block"), mutex = Read(run, "mutex");
  EXPECT_EQ(mutex.In("contentions", "unlock_and_wake"), 1);
  EXPECT_EQ(mutex.In("contentions", "unlock_without_waking"), 0);
  EXPECT_EQ(mutex.In("contentions", "unlock_rwlock_and_wake"), 1);
  EXPECT_EQ(mutex.In("contentions", "unlock_rwlock_without_waking"), 0);
  EXPECT_EQ(mutex.In("contentions", "unlock_outer"), 1);
  EXPECT_GE(mutex.In("delay", "unlock_outer"), 5'000'000);
  EXPECT_EQ(mutex.In("contentions", "unlock_inner"), 0);
  EXPECT_EQ(mutex.In("contentions", "unlock_after_wake"), 1);
  EXPECT_GE(mutex.In("delay", "unlock_after_wake"), 5'000'000);
  // Who left its wait by a jump is not among those who waited.
  EXPECT_EQ(mutex.In("contentions", "unlock_for_one"), 1);
  EXPECT_LE(mutex.In("delay", "unlock_for_one"), std::stol(run.result().out));
  // What was refused at once has neither waited nor unlocked.
  EXPECT_EQ(block.In("contentions", "ask_in_vain"), 0);
  EXPECT_EQ(mutex.In("contentions", "ask_in_vain"), 0);
}

class Switched : public testing::TestWithParam<std::string> {};

TEST_P(Switched, SlotsHoldWhatTheyHeldAndPagesTheirProtection) {
  ProgramRun run({Program("switched_" + GetParam())}, "");
  ExpectWell(run.Execute());
}

INSTANTIATE_TEST_SUITE_P(Waits, Switched, testing::Values("lazy", "now", "noplt"),
                         [](const auto& info) { return info.param; });

TEST(Waits, AWrapperCallsNoStubThatLeadsBackToIt) {
  ProgramRun run({Program("own_stubs")}, "contention_interval=1", 10);
  ExpectWell(run.Execute());
}

TEST(Waits, ConditionsOfTheOldLayoutStayOnes) {
  ProgramRun run({Program("old_conditions"), Program("unversioned.so")}, "");
  ExpectWell(run.Execute());
}

TEST(Waits, AreSwitchedOnAndOffBesideThreadsModulesAndForks) {
  const char* soak = getenv("HEAPPROF_SOAK");
  const std::string switches = std::to_string(1000 * (soak != nullptr ? atoi(soak) : 1));
  ProgramRun run({Program("churn_waits"), Program("locking_plugin.so"), switches}, "", 600);
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
}

// libc does not make that lock new in a child.
TEST(Waits, ChildrenNeedNoLockOfTheLoaders) {
  ProgramRun run({Program("forked_in_walk"), Program("locking_plugin.so")}, "sample_interval=1");
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
}

TEST(Waits, AStaticProgramIsToldThatItHasNone) {
  ProgramRun run({Program("waits_whole")}, "contention_interval=1ms");
  ExpectWell(run.Execute());
  ASSERT_EQ(run.Said().size(), 1u) << run.result().err;
  EXPECT_EQ(run.Said()[0].rfind("heapprof: contention_interval is ignored: a statically linked program", 0),
            0u);
}

size_t FilesOfWaits(const TempDir& dir) {
  size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    const std::string file = entry.path().filename();
    for (const char* kind : {".block.pb.gz", ".mutex.pb.gz"}) {
      if (file.find(kind) == std::string::npos) continue;
      ++found;
      TypedProfile profile(ReadFile(dir.path() + "/" + file));
      EXPECT_EQ(profile.error(), "");
      EXPECT_EQ(profile.Types(), kTypes);
    }
  }
  return found;
}

// The files of a dump are beside the heap's, which stand there without them if the profiles are off.
TEST(Waits, ADumpHasTheProfilesOfWaits) {
  ProgramRun run({Program("lock_pairs"), "3"}, "contention_interval=1ms:dump_at_exit=1");
  ExpectWell(run.Execute());
  EXPECT_EQ(FilesOfWaits(run.dir()), 2u);
  ProgramRun off({Program("lock_pairs"), "3"}, "sample_interval=1:dump_at_exit=1");
  ExpectWell(off.Execute());
  EXPECT_EQ(off.ProfileCount(), 1u);
  EXPECT_EQ(FilesOfWaits(off.dir()), 0u);
}

// With the heap's profile go those beside it.
TEST(Waits, KeepDumpsRemovesThemToo) {
  ProgramRun run({Program("waits"), ".", "dumps"}, "contention_interval=1ms:keep_dumps=2");
  ExpectWell(run.Execute());
  EXPECT_EQ(run.ProfileCount(), 2u);
  EXPECT_EQ(FilesOfWaits(run.dir()), 4u);
}

// Instructions of a lock and its unlock, by callgrind: what a long run has more than a short one.
double InstructionsOfAPair(bool with_library, const std::string& options, const std::string& threads) {
  constexpr long kPairs = 200'000;  // the start takes some thousands more or less
  double counts[2] = {};
  for (int i = 0; i < 2; ++i) {
    TempDir dir;
    Command command;
    if (with_library) command = Under(dir, {}, options);
    command.argv = {"valgrind",
                    "--tool=callgrind",
                    "--callgrind-out-file=" + dir.path() + "/out",
                    Program("lock_pairs"),
                    i == 0 ? "0" : std::to_string(kPairs),
                    threads};
    const Result result = RunProgram(command);
    EXPECT_EQ(result.exit_status, 0) << result.Describe();
    const std::string file = ReadFile(dir.path() + "/out");
    const size_t at = file.find("\ntotals: ");
    EXPECT_NE(at, std::string::npos);
    if (at != std::string::npos) counts[i] = std::stod(file.substr(at + 9));
  }
  return (counts[1] - counts[0]) / kPairs;
}

TEST(Waits, OffAPairCostsWhatItCostWithoutTheLibrary) {
  ASSERT_TRUE(HaveProgram("valgrind"));
  const double bare = InstructionsOfAPair(false, "", "0");
  EXPECT_NEAR(InstructionsOfAPair(true, "", "0"), bare, 0.1);
  const double on = InstructionsOfAPair(true, "contention_interval=1ms", "0");
  RecordProperty("pair", std::to_string(bare) + ", on " + std::to_string(on));
  EXPECT_GT(on, bare);
  EXPECT_LE(on, bare + 22);
}

// While seven sleep, the eighth unlocks a thousand times before the scheduler gives another a turn: it pays
// no more than if it were alone.
TEST(Waits, AnUnlockThatWakesNobodyCostsWhatOneCostsForWhichNobodyWaits) {
  ASSERT_TRUE(HaveProgram("valgrind"));
  const double bare = InstructionsOfAPair(false, "", "8");
  const double on = InstructionsOfAPair(true, "contention_interval=1", "8");
  RecordProperty("pair", std::to_string(bare) + ", on " + std::to_string(on));
  EXPECT_GT(on, bare);
  EXPECT_LE(on, bare + 35);
}

}  // namespace
}  // namespace heapprof::test
