// SPDX-License-Identifier: Apache-2.0
// Threads that wait in known ways.
//   shares HZ MS  four threads sleep, wait for a lock, read a pipe and compute for MS in all, and print for
//   each
//                 of these functions how many nanoseconds were spent in it
//   labels        threads with labels of their own
//   calls         threads in eight kinds of blocking calls, below a frame that only its frame pointer finds:
//   none
//                 of them is disturbed
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/bare_call.h"
#include "tests/system/wall/wall.h"

namespace {

// A function and the time that was spent in it, by its own account.
struct Share {
  const char* name;
  std::atomic<int64_t> nanos;
};
Share g_sleep = {"SleepFor", {}}, g_lock = {"WaitForLock", {}}, g_read = {"ReadPipe", {}},
      g_burn = {"BurnTime", {}};

class Timed {
 public:
  explicit Timed(Share* share) : share_(share), begin_(RealNanos()) {}
  ~Timed() { share_->nanos += RealNanos() - begin_; }

 private:
  Share* share_;
  int64_t begin_;
};

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
int g_pipe[2];

NOINLINE void SleepFor(int64_t nanos) {
  Timed timed(&g_sleep);
  const timespec time = {nanos / 1'000'000'000, nanos % 1'000'000'000};
  CHECK(nanosleep(&time, nullptr) == 0);
}
NOINLINE void WaitForLock() {
  Timed timed(&g_lock);
  pthread_mutex_lock(&g_mutex);
  pthread_mutex_unlock(&g_mutex);
}
NOINLINE void ReadPipe() {
  Timed timed(&g_read);
  char byte;
  CHECK(read(g_pipe[0], &byte, 1) == 1);
}
NOINLINE void BurnTime(int64_t nanos) {
  Timed timed(&g_burn);
  const int64_t end = RealNanos() + nanos;
  while (RealNanos() < end) Spin();
}

// Each burns and waits in turn; who lets the others go sleeps and burns.
void Shares(int hz, int64_t ms) {
  CHECK(pipe(g_pipe) == 0);
  std::atomic<bool> over{false};
  pthread_mutex_lock(&g_mutex);
  StartWall("shares.wall.pb.gz", hz);
  std::thread locked([&] {
    while (!over) {
      WaitForLock();
      BurnTime(7'000'000);
    }
  });
  std::thread reader([&] {
    while (!over) {
      ReadPipe();
      BurnTime(3'000'000);
    }
  });
  std::thread sleeper([&] {
    while (!over) {
      SleepFor(17'000'000);
      BurnTime(11'000'000);
    }
  });
  for (const int64_t end = RealNanos() + ms * 1'000'000; RealNanos() < end;) {
    SleepFor(23'000'000);
    pthread_mutex_unlock(&g_mutex);
    SleepFor(13'000'000);
    pthread_mutex_lock(&g_mutex);
    CHECK(write(g_pipe[1], "x", 1) == 1);
  }
  over = true;
  pthread_mutex_unlock(&g_mutex);
  CHECK(write(g_pipe[1], "x", 1) == 1);
  for (std::thread* thread : {&locked, &reader, &sleeper}) thread->join();
  StopWall();
  for (const Share* share : {&g_sleep, &g_lock, &g_read, &g_burn}) {
    printf("%s %lld\n", share->name, static_cast<long long>(share->nanos));
  }
}

void Labels() {
  StartWall("labels.wall.pb.gz", 200);
  std::vector<std::thread> threads;
  for (const char* route : {"list", "show"}) {
    threads.emplace_back([route] {
      if (heapprof_labels_set != nullptr) CHECK(heapprof_labels_set("route", route) == 0);
      SleepFor(300'000'000);
    });
  }
  for (std::thread& thread : threads) thread.join();
  StopWall();
}

// Its frame is found by the frame pointer alone, which the system call's own frame does not save.
__attribute__((noinline, optimize("no-omit-frame-pointer"))) long CallFromOddFrame(long number, long a,
                                                                                   long b, long c, long d) {
  volatile char* room = static_cast<volatile char*>(__builtin_alloca(static_cast<size_t>(64 + (a & 15))));
  room[0] = 0;
  return heapprof::test::BareCall(number, a, b, c, d) + room[0];
}

// Newer architectures have the newer calls alone.
#ifdef SYS_poll
constexpr long kPoll = SYS_poll, kSelect = SYS_select, kEpollWait = SYS_epoll_wait, kPollLimit = 60'000;
#else
constexpr long kPoll = SYS_ppoll, kSelect = SYS_pselect6, kEpollWait = SYS_epoll_pwait, kPollLimit = 0;
#endif

struct Blocked {
  const char* name;
  std::atomic<int> tid{0};
  std::atomic<long> result{1};
};

void Calls() {
  int pipes[2], sockets[2];
  CHECK(pipe(pipes) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  const int set = epoll_create1(0);
  epoll_event event = {};
  event.events = EPOLLIN;
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, pipes[0], &event) == 0);
  static int futex = 0;
  const timespec long_time = {60, 0}, short_time = {0, 700'000'000};
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  CHECK(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
  Blocked calls[8] = {{"nanosleep"}, {"poll"}, {"select"}, {"futex"},
                      {"epoll"},     {"read"}, {"recv"},   {"sigtimedwait"}};
  StartWall("calls.wall.pb.gz", 500);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      char byte;
      pollfd polled = {pipes[0], POLLIN, 0};
      fd_set selected;
      FD_ZERO(&selected);
      FD_SET(pipes[0], &selected);
      epoll_event got;
      const auto at = [](const void* pointer) { return reinterpret_cast<long>(pointer); };
      calls[i].tid = static_cast<int>(syscall(SYS_gettid));
      long result = 0;
      switch (i) {
        case 0:
          result = CallFromOddFrame(SYS_nanosleep, at(&short_time), 0, 0, 0);
          break;
        case 1:
          result = CallFromOddFrame(kPoll, at(&polled), 1, kPollLimit, 0);
          break;
        case 2:
          result = CallFromOddFrame(kSelect, pipes[0] + 1, at(&selected), 0, 0);
          break;
        case 3:
          result = CallFromOddFrame(SYS_futex, at(&futex), 0, 0, at(&long_time));
          break;
        case 4:
          result = CallFromOddFrame(kEpollWait, set, at(&got), 1, -1);
          break;
        case 5:
          result = CallFromOddFrame(SYS_read, sockets[0], at(&byte), 1, 0);
          break;
        case 6:
          result = CallFromOddFrame(SYS_recvfrom, sockets[1], at(&byte), 1, 0);
          break;
        default:
          result = CallFromOddFrame(SYS_rt_sigtimedwait, at(&signals), 0, 0, 8);
      }
      calls[i].result = result;
    });
  }
  SleepFor(500'000'000);
  for (const Blocked& call : calls) CHECK(call.result == 1);  // each is in its call still
  CHECK(write(pipes[1], "x", 1) == 1 && write(sockets[0], "x", 1) == 1 && write(sockets[1], "x", 1) == 1);
  CHECK(syscall(SYS_tgkill, getpid(), calls[7].tid.load(), SIGUSR1) == 0);
  while (calls[3].result == 1) {
    syscall(SYS_futex, &futex, 1, 8);
    sched_yield();
  }
  for (std::thread& thread : threads) thread.join();
  StopWall();
  for (const Blocked& call : calls) {
    if (call.result >= 0) continue;
    fprintf(stderr, "%s: %s\n", call.name, strerror(static_cast<int>(-call.result)));
    CHECK(!"a call was disturbed");
  }
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc >= 2);
  const std::string mode = argv[1];
  if (mode == "shares") {
    CHECK(argc == 4);
    Shares(atoi(argv[2]), atoll(argv[3]));
  }
  if (mode == "labels") Labels();
  if (mode == "calls") Calls();
  Finish();
}
