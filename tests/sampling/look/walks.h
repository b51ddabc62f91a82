// SPDX-License-Identifier: Apache-2.0
// What the tests of walks of other threads share: threads that wait, requests, and sandboxes.
#ifndef HEAPPROF_TESTS_SAMPLING_LOOK_WALKS_H_
#define HEAPPROF_TESTS_SAMPLING_LOOK_WALKS_H_

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "base/system/signals_blocked.h"
#include "sampling/look/thread_walker.h"
#include "sampling/stop/stop_lock.h"

namespace heapprof {

inline constexpr uint32_t kFrames = 64;

struct Asked {
  WalkedThread thread = {};
  uintptr_t pcs[kFrames] = {};
  explicit Asked(int tid) {
    thread.tid = tid;
    thread.max = kFrames;
    thread.pcs = pcs;
  }
};

inline void Walk(ThreadWalker* walker, WalkedThread* threads, size_t count, bool by_signal = false) {
  SignalsBlocked blocked;
  StopLock().Lock();
  walker->Walk(threads, count, by_signal);
  StopLock().Unlock();
}

inline void WalkOnce(WalkedThread* thread, bool by_signal = false) {
  ThreadWalker walker;
  Walk(&walker, thread, 1, by_signal);
  walker.Stop();
}

// A thread that says its id and does `body` until it is told to end.
class Thread {
 public:
  explicit Thread(const std::function<void(const std::atomic<bool>& ending)>& body)
      : thread_([this, body] {
          tid_.store(static_cast<int>(syscall(SYS_gettid)));
          body(ending_);
        }) {
    while (tid_.load() == 0) sched_yield();
  }
  ~Thread() { End(); }
  void End() {
    ending_.store(true);
    if (thread_.joinable()) thread_.join();
  }
  int tid() const { return tid_.load(); }

 private:
  std::atomic<int> tid_{0};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

// Sleeps in a pipe whose other end is closed by the owner.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe(fds_), 0); }
  ~Pipe() {
    Close();
    close(fds_[0]);
  }
  void Close() {
    if (fds_[1] >= 0) close(fds_[1]);
    fds_[1] = -1;
  }
  int reading() const { return fds_[0]; }

 private:
  int fds_[2];
};

__attribute__((noinline)) inline void ReadHere(int fd) {
  char byte;
  while (read(fd, &byte, 1) < 0) {
  }
  asm volatile("");
}

inline bool HasFrameIn(const Asked& asked, void (*function)(int)) {
  const auto start = reinterpret_cast<uintptr_t>(function);
  for (uint32_t i = 0; i < asked.thread.walk.depth; ++i) {
    if (asked.pcs[i] - start < 128) return true;
  }
  return false;
}

inline char LetterOf(int tid) {
  TaskFolder folder;
  EXPECT_EQ(folder.Open(), 0);
  return folder.StatusOf(tid).letter;
}
inline void AwaitLetter(int tid, char letter) {
  while (LetterOf(tid) != letter) sched_yield();
}

inline void Forbid(unsigned call) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

// Runs `body` in a process of its own.
inline void InChild(const std::function<void()>& body) {
  const int child = fork();
  if (child == 0) {
    body();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace heapprof

#endif  // HEAPPROF_TESTS_SAMPLING_LOOK_WALKS_H_
