// SPDX-License-Identifier: Apache-2.0
// Threads are seen whatever made them, and by whatever number /proc knows them.
#include <gtest/gtest.h>

#include "tests/system/cpu/cpu_profiles.h"

namespace heapprof::test {
namespace {

TEST(CpuThreads, ThoseOfC11AndOfNotificationsHaveClocksAndLabels) {
  ProgramRun run({Program("libc_threads"), "made"}, "cpu_at_start=1:cpu_hz=1000");
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
  const auto profiles = CpuProfiles(run);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_GT(profiles[0].In("InC11"), 160);
  EXPECT_GT(profiles[0].In("InTimer"), 160);
  if (run.result().out.find("no queues") == std::string::npos) {
    EXPECT_GT(profiles[0].In("InQueue"), 160);
  }
  EXPECT_GT(profiles[0].Labelled("tenant", "a"), 350);
  EXPECT_LT(profiles[0].In("[thread exit]"), 100);
}

TEST(CpuThreads, NotificationsThatNeverCameTakeNoRoomFromLaterOnes) {
  ProgramRun run({Program("libc_threads"), "many"}, "");
  ExpectWell(run.Execute());
}

TEST(CpuThreads, ALeakCheckFindsThemAndWhatTheyHold) {
  ProgramRun run({Program("libc_threads"), "made"}, "leak_check=unreachable");
  ExpectWell(run.Execute());
}

TEST(CpuThreads, InAPidNamespaceUnderAnotherProc) {
  ProgramRun run({Program("libc_threads"), "namespace"}, "");
  ExpectWell(run.Execute());
  if (run.result().out.find("refused") != std::string::npos) GTEST_SKIP() << "no namespaces here";
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
  const auto profiles = CpuProfiles(run);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_GT(profiles[0].In("InMain"), 160);
  EXPECT_GT(profiles[0].In("Beside"), 50) << "it may have begun before the profile";
}

}  // namespace
}  // namespace heapprof::test
