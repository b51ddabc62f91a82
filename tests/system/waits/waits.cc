// SPDX-License-Identifier: Apache-2.0
// Threads that wait for each other: waits FOLDER MODE. Profiles go to FOLDER.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>

#include <atomic>
#include <string>

#include "tests/system/programs/program.h"
#include "tests/system/waits/times.h"

namespace {

std::string g_folder;

void WriteTo(const char* name, const char* file, int debug) {
  const int fd = open((g_folder + "/" + file).c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
  CHECK(fd >= 0 && heapprof_write_profile(name, fd, debug) == 0 && close(fd) == 0);
}

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t g_rwlock = PTHREAD_RWLOCK_INITIALIZER;
pthread_cond_t g_condition = PTHREAD_COND_INITIALIZER;
mtx_t g_mtx;
cnd_t g_cnd;
sem_t g_semaphore;
pthread_barrier_t g_barrier;
std::atomic<int> g_word{0};

// Each of these waits for some 10 ms, for what Holder has or does not do.
NOINLINE void wait_lock() { CHECK(pthread_mutex_lock(&g_mutex) == 0); }
NOINLINE void wait_timedlock() {
  timespec time = In(CLOCK_REALTIME, 10);
  CHECK(pthread_mutex_timedlock(&g_mutex, &time) == ETIMEDOUT);
}
NOINLINE void wait_clocklock() {
  timespec time = In(CLOCK_MONOTONIC, 10);
  CHECK(pthread_mutex_clocklock(&g_mutex, CLOCK_MONOTONIC, &time) == ETIMEDOUT);
}
NOINLINE void wait_timedrdlock() {
  timespec time = In(CLOCK_REALTIME, 10);
  CHECK(pthread_rwlock_timedrdlock(&g_rwlock, &time) == ETIMEDOUT);
}
NOINLINE void wait_clockrdlock() {
  timespec time = In(CLOCK_MONOTONIC, 10);
  CHECK(pthread_rwlock_clockrdlock(&g_rwlock, CLOCK_MONOTONIC, &time) == ETIMEDOUT);
}
NOINLINE void wait_timedwrlock() {
  timespec time = In(CLOCK_REALTIME, 10);
  CHECK(pthread_rwlock_timedwrlock(&g_rwlock, &time) == ETIMEDOUT);
}
NOINLINE void wait_clockwrlock() {
  timespec time = In(CLOCK_MONOTONIC, 10);
  CHECK(pthread_rwlock_clockwrlock(&g_rwlock, CLOCK_MONOTONIC, &time) == ETIMEDOUT);
}
NOINLINE void wait_rdlock() { CHECK(pthread_rwlock_rdlock(&g_rwlock) == 0); }
NOINLINE void wait_wrlock() { CHECK(pthread_rwlock_wrlock(&g_rwlock) == 0); }
NOINLINE void wait_mtx() { CHECK(mtx_lock(&g_mtx) == thrd_success); }
NOINLINE void wait_mtx_timed() {
  timespec time = In(CLOCK_REALTIME, 10);
  CHECK(mtx_timedlock(&g_mtx, &time) == thrd_timedout);
}
NOINLINE void wait_cond_timed() {
  timespec time = In(CLOCK_REALTIME, 10);
  CHECK(pthread_cond_timedwait(&g_condition, &g_mutex, &time) == ETIMEDOUT);
}
NOINLINE void wait_cond_clock() {
  timespec time = In(CLOCK_MONOTONIC, 10);
  CHECK(pthread_cond_clockwait(&g_condition, &g_mutex, CLOCK_MONOTONIC, &time) == ETIMEDOUT);
}
NOINLINE void wait_cond() {
  while (g_word.load() == 0) CHECK(pthread_cond_wait(&g_condition, &g_mutex) == 0);
}
NOINLINE void wait_cnd_timed() {
  timespec time = In(CLOCK_REALTIME, 10);
  CHECK(cnd_timedwait(&g_cnd, &g_mtx, &time) == thrd_timedout);
}
NOINLINE void wait_sem_timed() {
  timespec time = In(CLOCK_REALTIME, 10);
  errno = 0;
  CHECK(sem_timedwait(&g_semaphore, &time) == -1 && errno == ETIMEDOUT);
}
NOINLINE void wait_sem_clock() {
  timespec time = In(CLOCK_MONOTONIC, 10);
  errno = 0;
  CHECK(sem_clockwait(&g_semaphore, CLOCK_MONOTONIC, &time) == -1 && errno == ETIMEDOUT);
}
NOINLINE void wait_sem() { CHECK(sem_wait(&g_semaphore) == 0); }
NOINLINE void wait_barrier() { pthread_barrier_wait(&g_barrier); }
NOINLINE void wait_join(pthread_t thread) { CHECK(pthread_join(thread, nullptr) == 0); }
NOINLINE void wait_futex() {
  timespec time = {0, 10'000'000};
  errno = 0;
  CHECK(syscall(SYS_futex, &g_word, FUTEX_WAIT_PRIVATE, g_word.load(), &time, nullptr, 0) == -1);
  CHECK(errno == ETIMEDOUT);
}

std::atomic<bool> g_held{false}, g_timed_out{false};

// Holds all locks until the times of the first thread are over, and each until it waits for it.
NOINLINE void* hold_all(void*) {
  CHECK(pthread_mutex_lock(&g_mutex) == 0 && pthread_rwlock_wrlock(&g_rwlock) == 0);
  CHECK(mtx_lock(&g_mtx) == thrd_success);
  g_held.store(true);
  const auto first_waits = [] {
    AwaitSleep(getpid());
    Pause(10);
  };
  while (!g_timed_out.load()) Pause(1);
  first_waits();
  pthread_mutex_unlock(&g_mutex);
  first_waits();
  pthread_rwlock_unlock(&g_rwlock);
  first_waits();
  mtx_unlock(&g_mtx);
  first_waits();
  sem_post(&g_semaphore);
  first_waits();
  pthread_barrier_wait(&g_barrier);
  first_waits();
  return nullptr;
}

// Wakes, and keeps the mutex that the other one has to have again.
NOINLINE void* wake_later(void*) {
  AwaitSleep(getpid());
  pthread_mutex_lock(&g_mutex);
  g_word.store(1);
  pthread_cond_broadcast(&g_condition);
  Pause(10);
  pthread_mutex_unlock(&g_mutex);
  return nullptr;
}

void Kinds() {
  pthread_t holder;
  CHECK(mtx_init(&g_mtx, mtx_timed) == thrd_success && cnd_init(&g_cnd) == thrd_success);
  CHECK(sem_init(&g_semaphore, 0, 0) == 0 && pthread_barrier_init(&g_barrier, nullptr, 2) == 0);
  CHECK(pthread_create(&holder, nullptr, hold_all, nullptr) == 0);
  while (!g_held.load()) Pause(1);
  wait_timedlock();
  wait_clocklock();
  wait_timedrdlock();
  wait_clockrdlock();
  wait_timedwrlock();
  wait_clockwrlock();
  wait_mtx_timed();
  wait_sem_timed();
  wait_sem_clock();
  wait_futex();
  g_timed_out.store(true);
  wait_lock();
  wait_rdlock();
  CHECK(pthread_rwlock_unlock(&g_rwlock) == 0);
  wait_mtx();
  wait_sem();
  wait_barrier();
  wait_join(holder);
  wait_wrlock();  // at once
  wait_cond_timed();
  wait_cond_clock();
  wait_cnd_timed();
  CHECK(pthread_create(&holder, nullptr, wake_later, nullptr) == 0);
  wait_cond();
  CHECK(pthread_mutex_unlock(&g_mutex) == 0);
  wait_join(holder);
}

// Two holders; two other threads wait for one of them at any time. Each tells how long both waited at least
// and at most.
constexpr int kRounds = 10, kWaiters = 2;
pthread_barrier_t g_turn;
std::atomic<int64_t> g_timed{0};
std::atomic<pid_t> g_waiter_ids[kWaiters];
int64_t g_least[2], g_most[2];

__attribute__((always_inline)) inline void Hold(int which, int milliseconds) {
  pthread_mutex_lock(&g_mutex);
  const int64_t begin = Now();
  pthread_barrier_wait(&g_turn);
  for (const auto& id : g_waiter_ids) AwaitSleep(id.load());
  const int64_t all_wait = Now();
  Pause(milliseconds);
  const int64_t end = Now();
  pthread_mutex_unlock(&g_mutex);
  g_least[which] += kWaiters * (end - all_wait);
  g_most[which] += kWaiters * (Now() - begin);
}
NOINLINE void hold_short() { Hold(0, 4); }
NOINLINE void hold_long() { Hold(1, 12); }
NOINLINE void wait_for_holder() {
  const int64_t begin = Now();
  pthread_mutex_lock(&g_mutex);
  g_timed += Now() - begin;
  pthread_mutex_unlock(&g_mutex);
}
void* Waiter(void* id) {
  static_cast<std::atomic<pid_t>*>(id)->store(static_cast<pid_t>(syscall(SYS_gettid)));
  for (int i = 0; i < 2 * kRounds; ++i) {
    pthread_barrier_wait(&g_turn);
    wait_for_holder();
    pthread_barrier_wait(&g_turn);
  }
  return nullptr;
}

void Holders() {
  CHECK(pthread_barrier_init(&g_turn, nullptr, 1 + kWaiters) == 0);
  pthread_t waiters[kWaiters];
  for (int i = 0; i < kWaiters; ++i) {
    CHECK(pthread_create(&waiters[i], nullptr, Waiter, &g_waiter_ids[i]) == 0);
  }
  for (int i = 0; i < kRounds; ++i) {
    hold_short();
    pthread_barrier_wait(&g_turn);
    hold_long();
    pthread_barrier_wait(&g_turn);
  }
  for (pthread_t waiter : waiters) CHECK(pthread_join(waiter, nullptr) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  g_folder = argv[1];
  const std::string mode = argv[2];
  if (mode == "kinds") Kinds();
  if (mode == "holders") Holders();
  if (mode == "dumps") {
    for (int i = 0; i < 4; ++i) Dump();
  }
  WriteTo("block", "block", 0);
  WriteTo("mutex", "mutex", 0);
  WriteTo("block", "block.txt", 1);
  WriteTo("mutex", "mutex.txt", 1);
  printf("%ld %ld %ld %ld %ld\nOK\n", g_timed.load(), g_least[0], g_most[0], g_least[1], g_most[1]);
}
