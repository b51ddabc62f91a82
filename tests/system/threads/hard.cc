// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include <thread>
#include <vector>

#include "tests/system/threads/scenario.h"

namespace {

int g_pipe[2];

NOINLINE void ReadPipe() {
  char byte;
  while (read(g_pipe[0], &byte, 1) < 0) {
  }
  asm volatile("");
}

template <typename Body>
std::thread Start(int* tid, Body body) {
  std::atomic<int> started{0};
  std::thread thread([&started, body] {
    started.store(OwnTid());
    body();
  });
  while (started.load() == 0) sched_yield();
  *tid = started.load();
  return thread;
}

void BlockEverything() {
  uint64_t all = ~uint64_t{0};
  CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof all) == 0);
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

// A thread that blocks every signal. Prints the text.
void Blocked(Words) {
  CHECK(pipe(g_pipe) == 0);
  int tid;
  std::thread thread = Start(&tid, [] {
    BlockEverything();
    ReadPipe();
  });
  AwaitState(tid, 'S');
  fputs(Paragraphs().c_str(), stdout);
  close(g_pipe[1]);
  thread.join();
}

// A thread whose child of vfork waits.
void InVfork(Words) {
  CHECK(pipe(g_pipe) == 0);
  int tid;
  std::thread thread = Start(&tid, [] {
    const int child = vfork();
    if (child == 0) {
      close(g_pipe[1]);
      char byte;
      _exit(read(g_pipe[0], &byte, 1) == 0 ? 0 : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  });
  AwaitState(tid, 'D');
  fputs(Paragraphs().c_str(), stdout);
  close(g_pipe[1]);
  thread.join();
}

// The main thread ends before the others.
void MainEnds(Words) {
  std::thread([] {
    AwaitState(getpid(), 'Z');
    const std::string text = Paragraphs();
    CHECK(text.rfind("1 threads of process ", 0) == 0);
    puts("OK");
    fflush(stdout);
    _exit(0);
  }).detach();
  pthread_exit(nullptr);
}

// Calls that wait, in threads of their own: prints each that a stop has ended.
void Calls(Words) {
  CHECK(pipe(g_pipe) == 0);
  static const int epoll = epoll_create1(0);
  static sem_t semaphore;
  CHECK(sem_init(&semaphore, 0, 0) == 0);
  using Call = int (*)();
  struct Named {
    const char* name;
    Call call;
  };
  static std::atomic<bool> over{false};
  static const Named kCalls[] = {
      {"read",
       [] {
         char byte;
         return static_cast<int>(read(g_pipe[0], &byte, 1));
       }},
      {"poll", [] { return poll(nullptr, 0, 3'600'000); }},
      {"nanosleep",
       [] {
         const timespec hour = {3600, 0};
         return nanosleep(&hour, nullptr);
       }},
      {"epoll_wait(-1)",
       [] {
         epoll_event event;
         return epoll_wait(epoll, &event, 1, -1);
       }},
      {"sem_wait", [] { return sem_wait(&semaphore); }},
      {"pause", [] { return pause(); }},
      {"sigwaitinfo",
       [] {
         sigset_t set;
         sigemptyset(&set);
         sigaddset(&set, SIGRTMIN + 3);
         pthread_sigmask(SIG_BLOCK, &set, nullptr);
         return sigwaitinfo(&set, nullptr);
       }},
  };
  std::vector<int> tids;
  for (const Named& named : kCalls) {
    int tid;
    Start(&tid, [&named] {
      const int result = named.call();
      if (!over.load()) printf("%s: ended with %d, %s\n", named.name, result, strerror(errno));
      fflush(stdout);
      for (;;) pause();
    }).detach();
    tids.push_back(tid);
  }
  for (int i = 0; i < 50; ++i) {
    for (int tid : tids) AwaitState(tid, 'S');
    DumpAway();
  }
  for (int tid : tids) AwaitState(tid, 'S');
  over.store(true);
}

namespace {

std::atomic<int> g_handled{0};
void DumpInHandler(int) {
  errno = 4711;
  DumpAway();
  if (errno == 4711) g_handled.fetch_add(1);
}

}  // namespace

// Dumps from handlers that interrupt malloc, in two threads, beside a third; the handler's stack is of the
// least size.
void Handlers(Words words) {
  struct sigaction action = {};
  action.sa_handler = DumpInHandler;
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  std::atomic<bool> run{true};
  auto allocate = [&run] {
    std::vector<char> stack(16 << 10);
    stack_t alternative = {stack.data(), 0, stack.size()};
    CHECK(sigaltstack(&alternative, nullptr) == 0);
    while (run.load()) free(malloc(100 + static_cast<size_t>(rand()) % 5000));
    alternative.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&alternative, nullptr) == 0);
  };
  std::thread one(allocate), two(allocate);
  const int wanted = words.Number(0);
  for (int sent = 0; sent < wanted; ++sent) {
    CHECK(pthread_kill((sent % 2 == 0 ? one : two).native_handle(), SIGUSR1) == 0);
    while (g_handled.load() <= sent / 2) sched_yield();
  }
  run.store(false);
  one.join();
  two.join();
  CHECK(g_handled.load() > 0);
}

// As many of the signal as the word says, to all threads in turn: the option thread_dump_signal answers.
void Storm(Words words) {
  std::atomic<bool> run{true};
  std::thread other([&run] {
    while (run.load()) free(malloc(64));
  });
  for (int i = 0; i < words.Number(0); ++i) {
    CHECK(i % 2 == 0 ? raise(SIGUSR1) == 0 : pthread_kill(other.native_handle(), SIGUSR1) == 0);
  }
  run.store(false);
  other.join();
}

namespace {

ucontext_t g_outer, g_inner;
NOINLINE void InCoroutine() {
  ReadPipe();
  asm volatile("");
}

}  // namespace

// A thread that waits on a coroutine's stack, and one whose stack is the program's and of the least size.
void Coroutine(Words) {
  CHECK(pipe(g_pipe) == 0);
  int tid;
  std::thread thread = Start(&tid, [] {
    static char stack[32 << 10];
    CHECK(getcontext(&g_inner) == 0);
    g_inner.uc_stack.ss_sp = stack;
    g_inner.uc_stack.ss_size = sizeof stack;
    g_inner.uc_link = &g_outer;
    makecontext(&g_inner, InCoroutine, 0);
    CHECK(swapcontext(&g_outer, &g_inner) == 0);
  });
  alignas(4096) static char small[128 << 10];
  const auto least = static_cast<size_t>(PTHREAD_STACK_MIN);
  CHECK(least <= sizeof small);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  CHECK(pthread_attr_setstack(&attributes, small, least) == 0);
  pthread_t little;
  auto body = [](void*) -> void* {
    ReadPipe();
    return nullptr;
  };
  CHECK(pthread_create(&little, &attributes, body, nullptr) == 0);
  AwaitState(tid, 'S');
  const std::string text = Paragraphs();
  CHECK(Has(text, "InCoroutine()"));
  close(g_pipe[1]);
  thread.join();
  CHECK(pthread_join(little, nullptr) == 0);
}
