// SPDX-License-Identifier: Apache-2.0
// The kernel is asked for a handler of another process, which must not notice.
#include "tools/dump/kernel_handler.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cmath>

#include "base/system/raw_syscall.h"

namespace heapprof::tools {
namespace {

void Mine(int) {}
void Other(int) {}

const auto kCode = reinterpret_cast<long (*)(long, long, long, long, long, long, long)>(RawSyscall);

// What the child and the test share.
struct Shared {
  uint64_t answer[4];
  std::atomic<int> ready, stop;
  std::atomic<long> rounds;
};

// A child that runs `body`, which has this program's code at the same addresses.
class Child {
 public:
  template <typename Body>
  explicit Child(Body body) {
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = new (memory) Shared();
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGUSR2, Mine);
    _exit(body(shared_));
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    munmap(shared_, sizeof(Shared));
  }

  void WaitUntilReady() const {
    while (shared_->ready.load() == 0) sched_yield();
  }
  KernelHandler Ask(int signal) const {
    return AskKernelHandler(Process(pid_), signal, reinterpret_cast<uint64_t>(kCode),
                            reinterpret_cast<uint64_t>(shared_->answer));
  }
  Shared* shared() const { return shared_; }
  pid_t pid() const { return pid_; }
  // The status that the child ends with by itself.
  int Wait() {
    int status = -1;
    waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  Shared* shared_;
  pid_t pid_;
};

uint64_t AddressOf(void (*handler)(int)) { return reinterpret_cast<uint64_t>(handler); }

TEST(KernelHandler, IsTheOneThatIsInstalled) {
  Child child([](Shared* shared) {
    signal(SIGUSR1, Other);
    signal(SIGHUP, SIG_IGN);
    shared->ready = 1;
    for (;;) pause();
    return 0;
  });
  child.WaitUntilReady();
  for (const auto& [signal, address] : std::vector<std::pair<int, uint64_t>>{
           {SIGUSR2, AddressOf(Mine)}, {SIGUSR1, AddressOf(Other)}, {SIGHUP, 1}, {SIGTERM, 0}}) {
    const KernelHandler got = child.Ask(signal);
    EXPECT_TRUE(got.known) << got.why_not;
    EXPECT_EQ(got.address, address) << signal;
  }
}

// As exec does, at any moment between two instructions.
TEST(KernelHandler, CodeThatGoesAwayIsNotCalled) {
  constexpr size_t kPage = 4096;
  void* const page =
      mmap(nullptr, kPage, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* const code = static_cast<volatile unsigned char*>(page);
  Child child([code](Shared* shared) {
    shared->ready = 1;
    for (;;) {
      code[0] = 0x0f, code[1] = 0x05;
      code[1] = 0;
    }
    return 0;
  });
  child.WaitUntilReady();
  bool known = false, unknown = false;
  for (int i = 0; i < 2000 && !(known && unknown && i >= 20); ++i) {
    const KernelHandler got =
        AskKernelHandler(Process(child.pid()), SIGUSR2, reinterpret_cast<uint64_t>(page),
                         reinterpret_cast<uint64_t>(child.shared()->answer));
    ASSERT_EQ(kill(child.pid(), 0), 0);
    siginfo_t ended = {};
    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child.pid()), &ended, WEXITED | WNOHANG | WNOWAIT), 0);
    ASSERT_EQ(ended.si_pid, 0) << "it was killed in round " << i << ": " << got.why_not;
    known |= got.known;
    unknown |= got.why_not == "another program begins in it: try again in a moment";
  }
  EXPECT_TRUE(known && unknown);
  munmap(page, kPage);
}

// Each of these calls goes on for as long as it was asked to, and returns what it would have.
TEST(KernelHandler, CallsThatWaitGoOn) {
  Child child([](Shared* shared) {
    // It ends the round. Read, as the others would be over before it.
    int ends[2];
    if (pipe(ends) != 0) return 10;
    const timespec moment = {0, 100'000'000};
    timeval same = {0, 100'000};
    pollfd waits = {ends[0], POLLIN, 0};
    uint32_t word = 0;
    sigset_t none;
    sigemptyset(&none);
    shared->ready = 1;
    if (nanosleep(&moment, nullptr) != 0) return 1;
    if (clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr) != 0) return 2;
    if (poll(&waits, 1, 100) != 0) return 3;
    if (ppoll(&waits, 1, &moment, &none) != 0) return 4;
    if (select(0, nullptr, nullptr, nullptr, &same) != 0) return 5;
    if (syscall(SYS_futex, &word, FUTEX_WAIT, 0, &moment) != -1 || errno != ETIMEDOUT) return 6;
    shared->ready = 2;
    char byte = 0;
    const pid_t writer = fork();
    if (writer == 0) {
      while (shared->stop.load() == 0) usleep(1000);
      _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    if (read(ends[0], &byte, 1) != 1 || byte != 'x') return 7;
    return waitpid(writer, nullptr, 0) == writer ? 0 : 8;
  });
  child.WaitUntilReady();
  int asked = 0;
  while (child.shared()->ready.load() == 1) asked += child.Ask(SIGUSR2).known;
  for (int i = 0; i < 20; ++i) asked += child.Ask(SIGUSR2).known;
  EXPECT_GT(asked, 20);
  child.shared()->stop = 1;
  EXPECT_EQ(child.Wait(), 0) << "the number of the call that went wrong";
}

// Registers, the flags, and the program's own signals: sums come out right.
TEST(KernelHandler, AThreadThatComputesIsNotDisturbed) {
  static std::atomic<long> ticks;
  Child child([](Shared* shared) {
    signal(SIGALRM, [](int) { ++ticks; });
    const itimerval millisecond = {{0, 1000}, {0, 1000}};
    setitimer(ITIMER_REAL, &millisecond, nullptr);
    double expected = 0;
    uint64_t expected_hash = 0;
    for (long round = 0; shared->stop.load() == 0; ++round) {
      double sum = 0;
      uint64_t hash = 14695981039346656037u;
      for (int i = 1; i < 20000; ++i) {
        sum += std::sqrt(static_cast<double>(i)) / 3;
        hash = (hash ^ static_cast<uint64_t>(i)) * 1099511628211u;
      }
      if (round == 0) expected = sum, expected_hash = hash;
      if (sum != expected || hash != expected_hash) return 1;
      shared->rounds = round + 1;
      shared->ready = 1;
    }
    return ticks.load() > 0 ? 0 : 2;
  });
  child.WaitUntilReady();
  const long before = child.shared()->rounds;
  constexpr int kTimes = 100;
  for (int i = 0; i < kTimes; ++i) {
    const KernelHandler got = child.Ask(SIGUSR2);
    ASSERT_TRUE(got.known) << got.why_not;
    EXPECT_EQ(got.address, AddressOf(Mine));
  }
  while (child.shared()->rounds == before) sched_yield();
  child.shared()->stop = 1;
  EXPECT_EQ(child.Wait(), 0);
}

// The set of blocked signals is as before, also within calls that change it for their time.
TEST(KernelHandler, BlockedSignalsStayBlocked) {
  Child child([](Shared* shared) {
    sigset_t set, now;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_SETMASK, &set, nullptr);
    shared->ready = 1;
    signal(SIGUSR1, Mine);
    sigset_t others = set;
    sigaddset(&others, SIGHUP);
    sigsuspend(&others);
    sigprocmask(SIG_SETMASK, nullptr, &now);
    return sigismember(&now, SIGALRM) == 1 && sigismember(&now, SIGHUP) == 0 &&
                   sigismember(&now, SIGTERM) == 0
               ? 0
               : 1;
  });
  child.WaitUntilReady();
  const Process process(child.pid());
  while (process.Blocks(SIGHUP) == false) sched_yield();  // it is in sigsuspend
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(child.Ask(SIGUSR2).known);
  while (process.Blocks(SIGHUP) == false) sched_yield();
  kill(child.pid(), SIGUSR1);
  EXPECT_EQ(child.Wait(), 0);
}

TEST(KernelHandler, WithoutASystemCallInItsCodeItIsNotKnown) {
  Child child([](Shared* shared) {
    shared->ready = 1;
    for (;;) pause();
    return 0;
  });
  child.WaitUntilReady();
  const KernelHandler got =
      AskKernelHandler(Process(child.pid()), SIGUSR2, 16, reinterpret_cast<uint64_t>(child.shared()->answer));
  EXPECT_FALSE(got.known);
  EXPECT_NE(got.why_not, "");
}

}  // namespace
}  // namespace heapprof::tools
