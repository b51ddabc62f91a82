// SPDX-License-Identifier: Apache-2.0
// Threads that are hard to stop, and what a stop does to them. Usage: stops SCENARIO [untraced]; the second
// word forbids ptrace, as a sandbox does.
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <atomic>
#include <string>

#include "tests/system/leak/programs/scenario.h"

namespace {

void ForbidPtrace() {
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {sizeof steps / sizeof steps[0], steps};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

void Start(void* (*function)(void*), void* argument) {
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, function, argument) == 0);
}

void LeakOne() {
  CallAndWipe([] { Block(41); });
}

// A thread that blocks all signals, libc's own too, and allocates.
std::atomic<int> g_rounds{0};
void* AllocateWithSignalsBlocked(void*) {
  uint64_t all = ~uint64_t{0};
  CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof all) == 0);
  void* blocks[64] = {};
  for (unsigned seed = 1;; ++g_rounds) {
    seed = seed * 1103515245 + 12345;
    void*& block = blocks[seed >> 16 & 63];
    free(block);
    block = malloc(seed >> 8 & ((seed & 64) != 0 ? 0xfffff : 0xfff));
  }
}
void Blocked() {
  Start(AllocateWithSignalsBlocked, nullptr);
  while (g_rounds < 1000) sched_yield();
  LeakOne();
}

// More threads than any table of a fixed size might have room for, or as many as the system allows.
std::atomic<int> g_started{0};
void* HoldBlock(void*) {
  void* volatile block = Block(64);
  ++g_started;
  for (;;) pause();
  return block;
}
void Many() {
  constexpr int kThreads = 17000;
  pthread_attr_t attributes;
  CHECK(pthread_attr_init(&attributes) == 0);
  CHECK(pthread_attr_setstacksize(&attributes, 32 << 10) == 0);
  int made = 0;
  pthread_t thread;
  while (made < kThreads && pthread_create(&thread, &attributes, HoldBlock, nullptr) == 0) ++made;
  while (g_started < made) sched_yield();
}

// A request in one of the kernel's own threads, where the kernel has io_uring.
void Worker() {
  io_uring_params parameters = {};
  parameters.flags = IORING_SETUP_SQPOLL;
  parameters.sq_thread_idle = 100000;
  syscall(SYS_io_uring_setup, 8, &parameters);
  LeakOne();
}

// Pages that a thread of the program is to fill when they are touched, where the system lets it. The thread
// is stopped: who read them would wait for ever.
int g_faults = -1;
void* FillPages(void*) {
  for (;;) {
    pollfd ready = {g_faults, POLLIN, 0};
    poll(&ready, 1, -1);
    uffd_msg message;
    if (read(g_faults, &message, sizeof message) != sizeof message) continue;
    static char page[4096];
    uffdio_copy copy = {};
    copy.dst = message.arg.pagefault.address & ~uint64_t{4095};
    copy.src = reinterpret_cast<uintptr_t>(page);
    copy.len = sizeof page;
    ioctl(g_faults, UFFDIO_COPY, &copy);
  }
}
void FillLater(void* memory, size_t size) {
  uffdio_register registration = {};
  registration.range = {reinterpret_cast<uintptr_t>(memory), size};
  registration.mode = UFFDIO_REGISTER_MODE_MISSING;
  CHECK(ioctl(g_faults, UFFDIO_REGISTER, &registration) == 0);
}
void* volatile g_block;
void Userfault() {
  constexpr size_t kSize = 256 << 10;
  g_faults = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
  uffdio_api api = {};
  api.api = UFFD_API;
  if (g_faults >= 0 && ioctl(g_faults, UFFDIO_API, &api) == 0) {
    void* block = nullptr;
    CHECK(posix_memalign(&block, 4096, kSize) == 0);
    g_block = block;
    CHECK(madvise(block, kSize, MADV_DONTNEED) == 0);
    FillLater(block, kSize);
    void* memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    FillLater(memory, kSize);
    Start(FillPages, nullptr);
    static_cast<volatile char*>(memory)[5000] = 1;
  }
  LeakOne();
}

// Checks in mid-run beside threads that fork and allocate. No check may fail for a thread that waits for a
// lock of the profiler's.
void* Deep(int depth, size_t size) {
  void* volatile block = depth > 0 ? Deep(depth - 1, size) : malloc(size);
  return block;
}
void* Allocate(void*) {
  for (unsigned seed = 1;; ++g_rounds) {
    seed = seed * 1103515245 + 12345;
    void* blocks[20];
    for (void*& block : blocks) block = Deep(static_cast<int>(seed >> 8) % 30, 100 + seed % 1000);
    for (void* block : blocks) free(block);
  }
}
void* ForkOnAndOn(void*) {
  for (;; ++g_started) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(0);
    CHECK(waitpid(child, nullptr, 0) == child);
  }
}
void BesideForks() {
  Start(Allocate, nullptr);
  Start(Allocate, nullptr);
  Start(ForkOnAndOn, nullptr);
  for (int i = 0; i < 20; ++i) {
    const int forks = g_started;
    CHECK(__lsan_do_recoverable_leak_check() == 0);
    while (g_started == forks) sched_yield();  // neither leaves the other no turn
  }
}

// Calls that block, each in a thread of its own. One at a time is ended as it is meant to be, after a check.
constexpr int kCalls = 7;
int g_pipe[kCalls][2];
sem_t g_semaphore;
std::atomic<int> g_tid[kCalls], g_error[kCalls];
const char* const kCallNames[kCalls] = {"nanosleep",      "poll",        "select",    "sem_timedwait",
                                        "epoll_wait(-1)", "sigwaitinfo", "epoll_wait"};
const timespec kSoon = {1, 0};

int CallThatBlocks(int call) {
  const int fd = g_pipe[call][0];
  epoll_event event = {};
  event.events = EPOLLIN;
  const int set = epoll_create1(0);
  CHECK(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
  pollfd polled = {fd, POLLIN, 0};
  fd_set selected;
  FD_ZERO(&selected);
  FD_SET(fd, &selected);
  timeval long_after = {60, 0};
  timespec deadline;
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += 60;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  g_tid[call] = static_cast<int>(syscall(SYS_gettid));
  switch (call) {
    case 0:
      return nanosleep(&kSoon, nullptr);
    case 1:
      return poll(&polled, 1, 60000);
    case 2:
      return select(fd + 1, &selected, nullptr, nullptr, &long_after);
    case 3:
      return sem_timedwait(&g_semaphore, &deadline);
    case 4:
      return epoll_wait(set, &event, 1, -1);
    case 5:
      return sigwaitinfo(&signals, nullptr);
    default:
      return epoll_wait(set, &event, 1, 60000);
  }
}
void* Call(void* number) {
  const int call = static_cast<int>(reinterpret_cast<intptr_t>(number));
  errno = 0;
  g_error[call] = CallThatBlocks(call) < 0 ? errno : 0;
  return nullptr;
}
// /proc says in which system call a thread waits: "running" where it does not.
bool IsBlocked(int tid) {
  char path[64], text[16] = {};
  snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0);
  CHECK(read(fd, text, sizeof text - 1) > 0);
  close(fd);
  return text[0] != 'r';
}
void Calls() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  CHECK(sem_init(&g_semaphore, 0, 0) == 0);
  pthread_t threads[kCalls];
  for (intptr_t call = 0; call < kCalls; ++call) {
    CHECK(pipe(g_pipe[call]) == 0);
    CHECK(pthread_create(&threads[call], nullptr, Call, reinterpret_cast<void*>(call)) == 0);
  }
  for (std::atomic<int>& tid : g_tid) {
    while (tid == 0 || !IsBlocked(tid)) sched_yield();
  }
  CHECK(__lsan_do_recoverable_leak_check() == 0);
  for (auto& ends : g_pipe) CHECK(write(ends[1], "x", 1) == 1);
  CHECK(sem_post(&g_semaphore) == 0);
  CHECK(kill(getpid(), SIGUSR1) == 0);
  for (pthread_t thread : threads) CHECK(pthread_join(thread, nullptr) == 0);
  for (int call = 0; call < kCalls; ++call) {
    printf("%s: %s\n", kCallNames[call], g_error[call] == 0 ? "went on" : strerror(g_error[call]));
  }
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc > 1);
  const std::string scenario = argv[1];
  if (argc > 2) ForbidPtrace();
  if (scenario == "blocked") Blocked();
  if (scenario == "many") Many();
  if (scenario == "worker") Worker();
  if (scenario == "userfault") Userfault();
  if (scenario == "beside_forks") BesideForks();
  if (scenario == "calls") Calls();
  return 0;
}
