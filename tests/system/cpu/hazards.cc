// SPDX-License-Identifier: Apache-2.0
// What CPU profilers have broken before.
//   errno          a load that watches errno, and blocking calls that must not return EINTR
//   altstack       ticks on a signal stack of the smallest size, with a guard page below
//   startstop N    starts and stops while threads run; nothing may be left
//   refusals       what start and stop say no to
//   exec N         executes itself N times over, each time with a profile under way
//   forks N        children of fork while threads burn
//   spawns N       children of vfork and posix_spawn
//   threads N      N threads at once, each with 5 ms of CPU time; prints the CPU time by getrusage
//   bigfork        prints the time of forks with a large resident set, in microseconds
//   bysignal       two profiles, each begun and ended by SIGUSR1, and one that the program's end ends
//   births N       N signals that begin or end a profile, to threads that have just begun or are about to end
//   burn MS        just a load
//   unstopped N    begins a profile that it never stops, and ends: 0 by return, 1 by exit in a function, 2 by
//                  quick_exit, 3 with the descriptor closed, 4 with another file under its number
#include <dirent.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/cpu/load.h"
#include "tests/system/programs/churn.h"
#include "tests/system/programs/signal_stack.h"

extern char** environ;

namespace {

class Burners {
 public:
  explicit Burners(int count) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, i] {
        Churn churn(static_cast<uint64_t>(i) + 1);
        while (!stop_.load()) {
          churn.Steps(20);
          Spin();
        }
      });
    }
  }
  ~Burners() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

void Errno() {
  int there[2], back[2];
  CHECK(pipe(there) == 0 && pipe(back) == 0);
  std::thread echo([&] {
    char byte;
    for (;;) {
      const ssize_t got = read(there[0], &byte, 1);
      CHECK(got >= 0);  // EINTR would be -1
      if (got == 0) return;
      BurnFor(200'000);
      CHECK(write(back[1], &byte, 1) == 1);
    }
  });
  for (int64_t end = ThreadNanos() + 400'000'000; ThreadNanos() < end;) {
    for (int i = 0; i < 50; ++i) {
      errno = 4242;
      Spin();
      CHECK(errno == 4242);
    }
    char byte = 'x';
    CHECK(write(there[1], &byte, 1) == 1);
    CHECK(read(back[0], &byte, 1) == 1);
  }
  close(there[1]);
  echo.join();
}

void OnSmallStack() {
  SmallSignalStack stack;
  BurnFor(200'000'000);
}

// Without the two entries that each folder has. Read here: another process would see what it takes to start
// it.
int CountIn(const char* folder) {
  DIR* entries = opendir(folder);
  CHECK(entries != nullptr);
  int count = -2;
  while (readdir(entries) != nullptr) ++count;
  closedir(entries);
  return count;
}

void StartStop(int rounds, const char* path) {
  const int fd = OpenNew(path);
  Burners burners(2);
  const int before = CountIn("/proc/self/fd"), tasks_before = CountIn("/proc/self/task");
  uint64_t metadata = 0;
  for (int i = 0; i < rounds; ++i) {
    CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    const int error = heapprof_start_cpu_profile(fd, i % 2 == 0 ? 100 : 4000);
    CHECK(error == 0);
    if (i % 16 == 0) BurnFor(2'000'000);
    CHECK(heapprof_stop_cpu_profile() == 0);
    if (i == rounds / 2) metadata = Stats().metadata_bytes;
  }
  CHECK(CountIn("/proc/self/fd") == before);
  // A thread that was joined is listed until the kernel has taken it apart.
  int tasks_after = -1;
  for (int tries = 0; tries < 500 && tasks_after != tasks_before; ++tries)
    tasks_after = CountIn("/proc/self/task");
  CHECK(tasks_after == tasks_before);
  // The heap's tables may grow; a profile's buffer, left behind once, would be seen.
  CHECK(Stats().metadata_bytes < metadata + (2 << 20));
}

void Refusals(const char* path) {
  const int fd = OpenNew(path);
  CHECK(heapprof_stop_cpu_profile() == -ENOENT);
  for (int hz : {0, -1, 4001}) CHECK(heapprof_start_cpu_profile(fd, hz) == -EINVAL);
  CHECK(heapprof_start_cpu_profile(-1, 100) == -EBADF);
  const int readable = open("/dev/null", O_RDONLY);
  CHECK(heapprof_start_cpu_profile(readable, 100) == -EBADF);

  struct sigaction own = {}, now = {}, old = {};
  own.sa_handler = [](int) {};
  CHECK(sigaction(SIGPROF, &own, &old) == 0);
  CHECK(heapprof_start_cpu_profile(fd, 100) == -EEXIST);
  CHECK(sigaction(SIGPROF, nullptr, &now) == 0 && now.sa_handler == own.sa_handler);
  CHECK(sigaction(SIGPROF, &old, nullptr) == 0);
  itimerval timer = {{100, 0}, {100, 0}}, none = {};
  CHECK(setitimer(ITIMER_PROF, &timer, nullptr) == 0);
  CHECK(heapprof_start_cpu_profile(fd, 100) == -EEXIST);
  CHECK(setitimer(ITIMER_PROF, &none, nullptr) == 0);

  CHECK(heapprof_start_cpu_profile(fd, 100) == 0);
  CHECK(heapprof_start_cpu_profile(fd, 100) == -EBUSY);
  CHECK(heapprof_stop_cpu_profile() == 0);
  CHECK(heapprof_stop_cpu_profile() == -ENOENT);
  int ends[2];
  CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
  CHECK(heapprof_start_cpu_profile(ends[1], 100) == 0);
  CHECK(heapprof_stop_cpu_profile() == -EPIPE);
  CHECK(heapprof_stop_cpu_profile() == -ENOENT);
}

void Exec(int rounds, char** argv) {
  if (rounds == 0) return;
  CHECK(HasLibrary());
  const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
  CHECK(heapprof_start_cpu_profile(fd, 4000) == 0);
  static Burners* const burners = new Burners(1);  // goes on into exec
  CHECK(burners != nullptr);
  BurnFor(500'000);
  CHECK(execl("/nonexistent", "x", nullptr) == -1 && errno == ENOENT);
  BurnFor(500'000);
  const std::string left = std::to_string(rounds - 1);
  if (rounds % 3 == 0) {
    execl("/proc/self/exe", argv[0], argv[1], left.c_str(), nullptr);
  } else if (rounds % 3 == 1) {
    execle("/proc/self/exe", argv[0], argv[1], left.c_str(), nullptr, environ);
  } else {
    char* words[] = {argv[0], argv[1], const_cast<char*>(left.c_str()), nullptr};
    execvp(argv[0], words);
  }
  CHECK(!"exec came back");
}

void Forks(int count) {
  Burners burners(2);
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      Churn churn(7);
      churn.Steps(100);
      BurnFor(1'000'000);
      if (i % 8 == 0) exit(0);  // with what is done at exit
      _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

void Spawns(int count) {
  Burners burners(1);
  char name[] = "/bin/true";
  char* words[] = {name, nullptr};
  for (int i = 0; i < count; ++i) {
    pid_t child;
    if (i % 2 == 0) {
      CHECK(posix_spawn(&child, name, nullptr, nullptr, words, environ) == 0);
    } else {
      child = vfork();
      if (child == 0) {
        execve(name, words, environ);
        _exit(77);
      }
      CHECK(child > 0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

NOINLINE void OneOfMany() { BurnFor(5'000'000); }

void Threads(int count) {
  const int64_t before = UsageNanos();
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(OneOfMany);
  for (std::thread& thread : threads) thread.join();
  printf("%ld\n", static_cast<long>((UsageNanos() - before) / 1'000'000));
}

void BigFork() {
  constexpr size_t kBytes = 256 << 20;
  char* memory = static_cast<char*>(
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
  CHECK(memory != MAP_FAILED);
  madvise(memory, kBytes, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < kBytes; i += 4096) memory[i] = 1;
  int64_t best = INT64_MAX;
  for (int i = 0; i < 9; ++i) {
    const int64_t begin = ThreadNanos();
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(0);
    best = std::min(best, ThreadNanos() - begin);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
  }
  printf("%ld\n", static_cast<long>(best / 1000));
}

NOINLINE void FirstPart() { BurnFor(100'000'000); }
NOINLINE void Between() { BurnFor(100'000'000); }
NOINLINE void SecondPart() { BurnFor(100'000'000); }

void BySignal() {
  CHECK(raise(SIGUSR1) == 0);
  FirstPart();
  CHECK(raise(SIGUSR1) == 0);
  Between();
  CHECK(raise(SIGUSR1) == 0);
  SecondPart();
  CHECK(raise(SIGUSR1) == 0);
  CHECK(raise(SIGUSR1) == 0);
}

void SignalsAtBirth(int count) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> makers;
  for (int i = 0; i < 3; ++i) {
    makers.emplace_back([&stop] {
      while (!stop.load()) std::thread(Spin).join();
    });
  }
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  CHECK(pthread_sigmask(SIG_BLOCK, &usr1, nullptr) == 0);
  for (int i = 0; i < count; ++i) {
    CHECK(kill(getpid(), SIGUSR1) == 0);
    BurnFor(200'000);
  }
  stop = true;
  for (std::thread& maker : makers) maker.join();
}

// The only thread lets no tick in.
void Blocked() {
  sigset_t ticks;
  sigemptyset(&ticks);
  sigaddset(&ticks, SIGPROF);
  CHECK(pthread_sigmask(SIG_BLOCK, &ticks, nullptr) == 0);
  const int fd = OpenNew("blocked.cpu.pb.gz");
  CHECK(heapprof_start_cpu_profile(fd, 1000) == 0);
  BurnFor(100'000'000);
  CHECK(heapprof_stop_cpu_profile() == 0);
  CHECK(pthread_sigmask(SIG_UNBLOCK, &ticks, nullptr) == 0);
}

NOINLINE void Unstopped() { BurnFor(100'000'000); }

// Threads burn until the end.
void EndWithoutStop(int how) {
  const int fd = OpenNew("unstopped.cpu.pb.gz");
  CHECK(heapprof_start_cpu_profile(fd, 1000) == 0);
  static Burners* const burners = new Burners(2);
  CHECK(burners != nullptr);
  Unstopped();
  if (how >= 3) CHECK(close(fd) == 0);
  if (how == 4) CHECK(OpenNew("other") == fd);
  Finish();
  if (how == 1) exit(0);
  if (how == 2) quick_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc >= 2);
  const std::string mode = argv[1];
  const int count = argc > 2 ? atoi(argv[2]) : 0;
  if (mode == "errno") Errno();
  if (mode == "altstack") {
    OnSmallStack();
    std::thread(OnSmallStack).join();
  }
  if (mode == "startstop") StartStop(count, "startstop.cpu.pb.gz");
  if (mode == "refusals") Refusals("refusals.cpu.pb.gz");
  if (mode == "exec") Exec(count, argv);
  if (mode == "forks") Forks(count);
  if (mode == "spawns") Spawns(count);
  if (mode == "threads") Threads(count);
  if (mode == "bigfork") BigFork();
  if (mode == "bysignal") BySignal();
  if (mode == "blocked") Blocked();
  if (mode == "unstopped") {
    EndWithoutStop(count);
    return 0;
  }
  if (mode == "births") SignalsAtBirth(count);
  if (mode == "burn") BurnFor(count * int64_t{1'000'000});
  Finish();
}
