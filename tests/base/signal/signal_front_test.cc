// SPDX-License-Identifier: Apache-2.0
#include "base/signal/signal_front.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace heapprof {
namespace {

int g_programs = 0, g_ours = 0;
bool g_all_blocked = false;

void OfProgram(int) { ++g_programs; }

void Ours(int, siginfo_t*, void*) {
  ++g_ours;
  sigset_t now;
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, nullptr, &now), 0);
  g_all_blocked = true;
  for (int signal : {SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, SIGPROF})
    g_all_blocked = g_all_blocked && sigismember(&now, signal) == 1;
}

// Two threads get a signal whose handler is for one time. The second has been sent to the program's handler,
// too, and comes there when ours is back: ours runs as if the kernel had called it.
TEST(SignalFrontTest, WhoComesLateToAHandlerForOneTimeRunsOursWithAllSignalsBlocked) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "TSan's sigaction tells of the handler that it was given, not of the kernel's";
#endif
  SetLibcSigaction(sigaction);
  const int number = SIGRTMIN + 3;
  ASSERT_EQ(InstallFront(number, FrontKind::kGivesWay, Ours), 0);
  struct sigaction once = {};
  once.sa_handler = OfProgram;
  once.sa_flags = static_cast<int>(SA_RESETHAND);
  ASSERT_EQ(SetProgramAction(number, &once, nullptr), 0);
  struct sigaction called = {};
  ASSERT_EQ(sigaction(number, nullptr, &called), 0);
  siginfo_t info = {};
  called.sa_sigaction(number, &info, nullptr);
  EXPECT_EQ(g_programs, 1);
  EXPECT_TRUE(FrontIsInstalled(number));
  called.sa_sigaction(number, &info, nullptr);
  EXPECT_EQ(g_programs, 1);
  EXPECT_EQ(g_ours, 1);
  EXPECT_TRUE(g_all_blocked);
  sigset_t now;
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, nullptr, &now), 0);
  EXPECT_EQ(sigismember(&now, SIGTERM), 0);
}

}  // namespace
}  // namespace heapprof
