// SPDX-License-Identifier: Apache-2.0
#include "sampling/look/thread_walker.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fstream>
#include <memory>
#include <vector>

#include "sampling/thread/labels.h"
#include "tests/sampling/look/walks.h"

namespace heapprof {
namespace {

TEST(ThreadWalkerTest, AThreadThatRunsGoesOn) {
  std::atomic<uint64_t> rounds{0};
  Thread thread([&](const std::atomic<bool>& ending) {
    while (!ending.load()) rounds.fetch_add(1);
  });
  ThreadWalker walker;
  for (int i = 0; i < 100; ++i) {
    Asked asked(thread.tid());
    Walk(&walker, &asked.thread, 1);
    ASSERT_EQ(asked.thread.answer, ThreadAnswer::kWalked);
    EXPECT_FALSE(asked.thread.in_place);
    EXPECT_EQ(asked.thread.system_call, -1);
    const uint64_t before = rounds.load();
    while (rounds.load() == before) sched_yield();
  }
  walker.Stop();
}

TEST(ThreadWalkerTest, AThreadThatBlocksAllSignalsIsWalked) {
  Pipe pipe;
  Thread thread([&](const std::atomic<bool>&) {
    SignalsBlocked blocked;
    ReadHere(pipe.reading());
  });
  AwaitLetter(thread.tid(), 'S');
  Asked asked(thread.tid());
  WalkOnce(&asked.thread);
  EXPECT_EQ(asked.thread.answer, ThreadAnswer::kWalked);
  pipe.Close();
}

TEST(ThreadWalkerTest, AThreadThatHasEndedIsNotWaitedFor) {
  Thread thread([](const std::atomic<bool>&) {});
  thread.End();
  while (syscall(SYS_tgkill, getpid(), thread.tid(), 0) == 0) sched_yield();
  Asked asked(thread.tid());
  WalkOnce(&asked.thread, true);
  EXPECT_EQ(asked.thread.answer, ThreadAnswer::kEnded);
}

// A child of vfork that waits: its parent cannot be stopped, and is let go.
TEST(ThreadWalkerTest, AThreadInVforkIsGivenUpSoonAndRunsOn) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  std::atomic<int> status{-1};
  Thread thread([&](const std::atomic<bool>&) {
    const int child = vfork();
    if (child == 0) {
      close(fds[1]);
      char byte;
      _exit(read(fds[0], &byte, 1) == 0 ? 7 : 1);
    }
    int ended = 0;
    EXPECT_EQ(waitpid(child, &ended, 0), child);
    status.store(WEXITSTATUS(ended));
  });
  AwaitLetter(thread.tid(), 'D');
  ThreadWalker walker;
  Asked asked(thread.tid());
  const int64_t begin = RawMonotonicNanos();
  Walk(&walker, &asked.thread, 1, true);
  EXPECT_LT(RawMonotonicNanos() - begin, ThreadWalker::kPatience);
  EXPECT_EQ(asked.thread.answer, ThreadAnswer::kSilent);
  close(fds[1]);
  thread.End();
  EXPECT_EQ(status.load(), 7);
  // The next walk has a tracer again.
  Thread other([](const std::atomic<bool>& ending) {
    while (!ending.load()) sched_yield();
  });
  Asked again(other.tid());
  Walk(&walker, &again.thread, 1);
  EXPECT_EQ(again.thread.answer, ThreadAnswer::kWalked);
  walker.Stop();
  close(fds[0]);
}

TEST(ThreadWalkerTest, CallsThatWaitGoOn) {
  std::atomic<int> result{-2};
  Pipe pipe;
  Thread thread([&](const std::atomic<bool>&) {
    pollfd fd = {pipe.reading(), POLLIN, 0};
    result.store(poll(&fd, 1, 60'000));
  });
  AwaitLetter(thread.tid(), 'S');
  ThreadWalker walker;
  for (int i = 0; i < 20; ++i) {
    Asked asked(thread.tid());
    Walk(&walker, &asked.thread, 1);
    EXPECT_EQ(asked.thread.answer, ThreadAnswer::kWalked);
  }
  EXPECT_EQ(result.load(), -2);
  pipe.Close();
  thread.End();
  EXPECT_EQ(result.load(), 1);
  walker.Stop();
}

TEST(ThreadWalkerTest, WhereTheProgramIgnoresTheSignalOfChildrenItIsAsQuick) {
  struct sigaction ignore = {}, before;
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGCHLD, &ignore, &before);
  Pipe pipe;
  Thread thread([&](const std::atomic<bool>&) { ReadHere(pipe.reading()); });
  AwaitLetter(thread.tid(), 'S');
  Asked asked(thread.tid());
  WalkOnce(&asked.thread);
  EXPECT_EQ(asked.thread.answer, ThreadAnswer::kWalked);
  sigaction(SIGCHLD, &before, nullptr);
  pipe.Close();
}

TEST(ThreadWalkerTest, WithoutPtraceTheSignalStandsIn) {
  InChild([] {
    Forbid(SYS_ptrace);
    Forbid(SYS_get_robust_list);
    Pipe pipe;
    Thread thread([&](const std::atomic<bool>&) {
      SetLabel("request", "list");
      ReadHere(pipe.reading());
    });
    AwaitLetter(thread.tid(), 'S');
    Asked refused(thread.tid());
    WalkOnce(&refused.thread, false);
    EXPECT_EQ(refused.thread.answer, ThreadAnswer::kRefused);
    Asked asked(thread.tid());
    WalkOnce(&asked.thread, true);
    ASSERT_EQ(asked.thread.answer, ThreadAnswer::kWalked);
    EXPECT_TRUE(asked.thread.by_signal);
    EXPECT_TRUE(HasFrameIn(asked, ReadHere));
    EXPECT_EQ(LabelSets().At(asked.thread.labels).count, 1u);
    pipe.Close();
  });
}

TEST(ThreadWalkerTest, WithoutPtraceAThreadThatBlocksAllSignalsIsGivenUp) {
  InChild([] {
    Forbid(SYS_ptrace);
    Forbid(SYS_get_robust_list);
    Pipe pipe;
    Thread thread([&](const std::atomic<bool>&) {
      SignalsBlocked blocked;
      ReadHere(pipe.reading());
    });
    AwaitLetter(thread.tid(), 'S');
    Asked asked(thread.tid());
    WalkOnce(&asked.thread, true);
    EXPECT_EQ(asked.thread.answer, ThreadAnswer::kSilent);
    pipe.Close();
  });
}

TEST(ThreadWalkerTest, TheTracerEndsWithTheThreadThatStartedItAndIsReplaced) {
  ThreadWalker walker;
  std::thread([&] {
    SignalsBlocked blocked;
    EXPECT_EQ(walker.Start(), 0);
  }).join();
  Pipe pipe;
  Thread thread([&](const std::atomic<bool>&) { ReadHere(pipe.reading()); });
  Asked asked(thread.tid());
  Walk(&walker, &asked.thread, 1);
  EXPECT_EQ(asked.thread.answer, ThreadAnswer::kWalked);
  walker.Stop();
  pipe.Close();
}

int FirstChild() {
  std::ifstream children("/proc/thread-self/children");
  int child = 0;
  children >> child;
  return child;
}

TEST(ThreadWalkerTest, ATracerThatSomebodyHasStoppedGoesOn) {
  ThreadWalker walker;
  {
    SignalsBlocked blocked;
    ASSERT_EQ(walker.Start(), 0);
  }
  const int tracer = FirstChild();
  if (tracer == 0) GTEST_SKIP() << "this kernel does not tell of children";
  // What stops the program's group is not meant for it.
  while (getpgid(tracer) == getpgrp()) sched_yield();
  ASSERT_EQ(kill(tracer, SIGSTOP), 0);
  Thread thread([](const std::atomic<bool>& ending) {
    while (!ending.load()) sched_yield();
  });
  Asked asked(thread.tid());
  Walk(&walker, &asked.thread, 1);
  EXPECT_EQ(asked.thread.answer, ThreadAnswer::kWalked);
  ASSERT_EQ(kill(tracer, SIGSTOP), 0);
  walker.Stop();
}

// As a wall-clock profile has a process of its own that stops threads.
TEST(ThreadWalkerTest, AnotherThatHasTheThreadForAMomentIsWaitedFor) {
  Pipe pipe;
  Thread thread([&](const std::atomic<bool>&) { ReadHere(pipe.reading()); });
  Thread other([&](const std::atomic<bool>& ending) {
    ThreadWalker walker;
    while (!ending.load()) {
      SignalsBlocked blocked;
      Asked asked(thread.tid());
      walker.Walk(&asked.thread, 1, false);
    }
    SignalsBlocked blocked;
    walker.Stop();
  });
  ThreadWalker walker;
  int walked = 0;
  constexpr int kWalks = 300;
  for (int i = 0; i < kWalks; ++i) {
    Asked asked(thread.tid());
    Walk(&walker, &asked.thread, 1);
    walked += asked.thread.answer == ThreadAnswer::kWalked ? 1 : 0;
  }
  EXPECT_EQ(walked, kWalks);
  walker.Stop();
  other.End();
  pipe.Close();
}

// The test's own bound of time is one for machines that do other things too; what it takes is printed.
TEST(ThreadWalkerTest, AThousandThreads) {
  constexpr size_t kThreads = 1000;
  Pipe pipe;
  std::vector<std::unique_ptr<Thread>> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.push_back(std::make_unique<Thread>([&](const std::atomic<bool>&) { ReadHere(pipe.reading()); }));
  }
  ThreadWalker walker;
  int64_t best = INT64_MAX;
  for (int round = 0; round < 5; ++round) {
    std::vector<Asked> asked;
    std::vector<WalkedThread> requests;
    asked.reserve(kThreads);
    for (const auto& thread : threads) {
      asked.emplace_back(thread->tid());
      asked.back().thread.pcs = asked.back().pcs;
      requests.push_back(asked.back().thread);
    }
    const int64_t begin = RawMonotonicNanos();
    Walk(&walker, requests.data(), requests.size());
    best = std::min(best, RawMonotonicNanos() - begin);
    for (const WalkedThread& request : requests) ASSERT_EQ(request.answer, ThreadAnswer::kWalked);
  }
  walker.Stop();
  pipe.Close();
  RecordProperty("microseconds", static_cast<int>(best / 1000));
  printf("1,000 threads: %ld us\n", static_cast<long>(best / 1000));
  EXPECT_LT(best, 50'000'000);
}

}  // namespace
}  // namespace heapprof
