// SPDX-License-Identifier: Apache-2.0
// Where the walker may be no real-time process, others help it to look, and one holds threads.
#include <signal.h>

#include <memory>
#include <vector>

#include "base/system/raw_syscall.h"
#include "tests/sampling/look/walks.h"

namespace heapprof {
namespace {

constexpr size_t kSleepers = 260, kRunners = 2;  // enough for each helper

struct Crowd {
  Crowd() {
    for (size_t i = 0; i < kSleepers; ++i) {
      threads.push_back(
          std::make_unique<Thread>([this](const std::atomic<bool>&) { ReadHere(pipe.reading()); }));
    }
    for (size_t i = 0; i < kRunners; ++i) {
      threads.push_back(std::make_unique<Thread>([](const std::atomic<bool>& ending) {
        while (!ending.load()) {
        }
      }));
    }
    for (size_t i = 0; i < kSleepers; ++i) AwaitLetter(threads[i]->tid(), 'S');
    pcs.resize(threads.size() * kFrames);
    walked.resize(threads.size());
    for (size_t i = 0; i < threads.size(); ++i) {
      walked[i] = {};
      walked[i].tid = threads[i]->tid();
      walked[i].max = kFrames;
      walked[i].pcs = &pcs[i * kFrames];
    }
  }
  ~Crowd() { pipe.Close(); }

  void WalkThem(ThreadWalker* walker, const WalkCompany& company) {
    SignalsBlocked blocked;
    StopLock().Lock();
    walker->Walk(walked.data(), walked.size(), false, company);
    StopLock().Unlock();
  }
  void ExpectAllSeen() const {
    for (size_t i = 0; i < walked.size(); ++i) {
      ASSERT_EQ(walked[i].answer, ThreadAnswer::kWalked) << i;
      EXPECT_EQ(walked[i].in_place, i < kSleepers) << i;
      EXPECT_FALSE(walked[i].walk.truncated) << i;
      EXPECT_GE(walked[i].walk.depth, 3u) << i;
    }
  }

  Pipe pipe;
  std::vector<std::unique_ptr<Thread>> threads;
  std::vector<uintptr_t> pcs;
  std::vector<WalkedThread> walked;
};

// In a process of its own that has no real time.
void InChildWithoutRealTime(const std::function<void()>& body) {
  InChild([&] {
    Forbid(SYS_sched_setattr);
    body();
    EXPECT_EQ(waitpid(-1, nullptr, __WALL), -1);
    EXPECT_EQ(errno, ECHILD);
  });
}

struct Helpers {
  int program = RawGetPid();
  bool kill_one = false;
  std::atomic<int> first{0};  // a helper
  std::atomic<int> served[kSleepers + kRunners] = {};
  WalkCompany Company() {
    const auto each = [](void* self, size_t index) {
      auto* helpers = static_cast<Helpers*>(self);
      ++helpers->served[index];
      // Helpers are children of the walker, which is one of the program. All others wait for the first.
      const int own = RawGetPid();
      const bool is_helper =
          own != helpers->program && RawSyscall(SYS_getppid) != static_cast<long>(helpers->program);
      int none = 0;
      if (is_helper && helpers->first.compare_exchange_strong(none, own) && helpers->kill_one) {
        RawSyscall(SYS_kill, own, SIGKILL);
      }
      while (helpers->first.load() == 0) RawSyscall(SYS_sched_yield);
    };
    return {each, nullptr, this};
  }
};

TEST(HelpersTest, WithoutRealTimeHelpersLookAndOneHolds) {
  InChildWithoutRealTime([] {
    Crowd crowd;
    Helpers helpers;
    ThreadWalker walker;
    for (int i = 0; i < 2; ++i) {
      helpers.first.store(0);
      crowd.WalkThem(&walker, helpers.Company());
      crowd.ExpectAllSeen();
    }
    walker.Stop();
    for (const std::atomic<int>& served : helpers.served) EXPECT_LE(served.load(), 2);
  });
}

TEST(HelpersTest, AHelperThatIsKilledCostsNoThread) {
  InChildWithoutRealTime([] {
    Crowd crowd;
    Helpers helpers;
    helpers.kill_one = true;
    ThreadWalker walker;
    crowd.WalkThem(&walker, helpers.Company());
    crowd.ExpectAllSeen();
    walker.Stop();
  });
}

TEST(HelpersTest, FewThreadsNeedNone) {
  InChildWithoutRealTime([] {
    Pipe pipe;
    Thread sleeps([&](const std::atomic<bool>&) { ReadHere(pipe.reading()); });
    Thread runs([](const std::atomic<bool>& ending) {
      while (!ending.load()) {
      }
    });
    AwaitLetter(sleeps.tid(), 'S');
    for (const Thread* thread : {&sleeps, &runs}) {
      Asked asked(thread->tid());
      WalkOnce(&asked.thread);
      EXPECT_EQ(asked.thread.answer, ThreadAnswer::kWalked);
      EXPECT_EQ(asked.thread.in_place, thread == &sleeps);
    }
    pipe.Close();
  });
}

}  // namespace
}  // namespace heapprof
