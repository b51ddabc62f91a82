// SPDX-License-Identifier: Apache-2.0
// Which unlocks are charged with what others have waited, and which calls have waited: wakes FOLDER. The
// profiles go to FOLDER.
//
// A signal keeps the waiter from running once it was woken, as a busy machine does: it is neither asleep, nor
// has it come to the lock again.
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <threads.h>

#include <atomic>
#include <string>

#include "tests/system/programs/program.h"
#include "tests/system/waits/times.h"

namespace {

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER, g_recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
pthread_rwlock_t g_rwlock = PTHREAD_RWLOCK_INITIALIZER;
pthread_cond_t g_condition = PTHREAD_COND_INITIALIZER;
bool g_ready = false;

std::atomic<bool> g_kept{false}, g_released{false};

void Keep(int) {
  g_kept.store(true);
  while (!g_released.load()) Pause(1);
}

std::atomic<pid_t> g_waiter{0};

pthread_t StartWaiter(void* (*wait)(void*)) {
  g_waiter.store(0);
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, wait, nullptr) == 0);
  while (g_waiter.load() == 0) Pause(1);
  AwaitSleep(g_waiter.load());
  return thread;
}

void KeepWaiter(pthread_t thread) {
  g_kept.store(false);
  g_released.store(false);
  CHECK(pthread_kill(thread, SIGUSR1) == 0);
  while (!g_kept.load()) Pause(1);
}

void LetGo(pthread_t thread) {
  g_released.store(true);
  CHECK(pthread_join(thread, nullptr) == 0);
}

void NoteWaiter() { g_waiter.store(static_cast<pid_t>(syscall(SYS_gettid))); }

void* WaitForMutex(void*) {
  NoteWaiter();
  pthread_mutex_lock(&g_mutex);
  pthread_mutex_unlock(&g_mutex);
  return nullptr;
}
NOINLINE void unlock_and_wake() { CHECK(pthread_mutex_unlock(&g_mutex) == 0); }
NOINLINE void unlock_without_waking() { CHECK(pthread_mutex_unlock(&g_mutex) == 0); }

void Mutex() {
  CHECK(pthread_mutex_lock(&g_mutex) == 0);
  const pthread_t waiter = StartWaiter(WaitForMutex);
  KeepWaiter(waiter);
  unlock_and_wake();
  for (int i = 0; i < 3; ++i) {
    CHECK(pthread_mutex_lock(&g_mutex) == 0);
    Pause(1);
    unlock_without_waking();
  }
  LetGo(waiter);
}

void* WaitForRwlock(void*) {
  NoteWaiter();
  pthread_rwlock_wrlock(&g_rwlock);
  pthread_rwlock_unlock(&g_rwlock);
  return nullptr;
}
NOINLINE void unlock_rwlock_and_wake() { CHECK(pthread_rwlock_unlock(&g_rwlock) == 0); }
NOINLINE void unlock_rwlock_without_waking() { CHECK(pthread_rwlock_unlock(&g_rwlock) == 0); }

void Rwlock() {
  CHECK(pthread_rwlock_wrlock(&g_rwlock) == 0);
  const pthread_t waiter = StartWaiter(WaitForRwlock);
  KeepWaiter(waiter);
  unlock_rwlock_and_wake();
  for (int i = 0; i < 3; ++i) {
    CHECK(pthread_rwlock_wrlock(&g_rwlock) == 0);
    Pause(1);
    unlock_rwlock_without_waking();
  }
  LetGo(waiter);
}

void* WaitForRecursive(void*) {
  NoteWaiter();
  pthread_mutex_lock(&g_recursive);
  pthread_mutex_unlock(&g_recursive);
  return nullptr;
}
NOINLINE void unlock_inner() { CHECK(pthread_mutex_unlock(&g_recursive) == 0); }
NOINLINE void unlock_outer() { CHECK(pthread_mutex_unlock(&g_recursive) == 0); }

void* UnlockAnothers(void*) {
  CHECK(pthread_mutex_unlock(&g_recursive) == EPERM);
  return nullptr;
}

void Recursive() {
  CHECK(pthread_mutex_lock(&g_recursive) == 0 && pthread_mutex_lock(&g_recursive) == 0);
  const pthread_t waiter = StartWaiter(WaitForRecursive);
  unlock_inner();
  Pause(5);
  // Refused, as it is not this thread's: what was waited is charged to who gives it back.
  pthread_t stranger;
  CHECK(pthread_create(&stranger, nullptr, UnlockAnothers, nullptr) == 0);
  CHECK(pthread_join(stranger, nullptr) == 0);
  Pause(1);
  unlock_outer();
  CHECK(pthread_join(waiter, nullptr) == 0);
}

void* WaitForCondition(void*) {
  pthread_mutex_lock(&g_mutex);
  NoteWaiter();
  while (!g_ready) pthread_cond_wait(&g_condition, &g_mutex);
  pthread_mutex_unlock(&g_mutex);
  return nullptr;
}
NOINLINE void unlock_after_wake() { CHECK(pthread_mutex_unlock(&g_mutex) == 0); }

// Who was woken waits for the mutex before it has come to it.
void Condition() {
  const pthread_t waiter = StartWaiter(WaitForCondition);
  KeepWaiter(waiter);
  CHECK(pthread_mutex_lock(&g_mutex) == 0);
  g_ready = true;
  pthread_cond_signal(&g_condition);
  Pause(5);
  unlock_after_wake();
  LetGo(waiter);
}

sigjmp_buf g_back;
std::atomic<bool> g_jumped{false};

void JumpBack(int) { siglongjmp(g_back, 1); }

void* JumpOutAndWaitForAnother(void*) {
  NoteWaiter();
  if (sigsetjmp(g_back, 1) == 0) {
    pthread_mutex_lock(&g_mutex);
    CHECK(!"was held");
  }
  g_jumped.store(true);
  return WaitForRwlock(nullptr);
}
NOINLINE void unlock_for_one() { CHECK(pthread_mutex_unlock(&g_mutex) == 0); }

// A wait that was left by a jump, and is over. Returns for how long the one waiter of the last unlock can
// have waited.
int64_t Jumped() {
  CHECK(pthread_mutex_lock(&g_mutex) == 0 && pthread_rwlock_wrlock(&g_rwlock) == 0);
  const pthread_t jumper = StartWaiter(JumpOutAndWaitForAnother);
  Pause(20);
  CHECK(pthread_kill(jumper, SIGALRM) == 0);
  while (!g_jumped.load()) Pause(1);
  AwaitSleep(g_waiter.load());
  CHECK(pthread_rwlock_unlock(&g_rwlock) == 0);
  CHECK(pthread_join(jumper, nullptr) == 0);
  const timespec begin = In(CLOCK_MONOTONIC, 0);
  const pthread_t waiter = StartWaiter(WaitForMutex);
  unlock_for_one();
  const timespec end = In(CLOCK_MONOTONIC, 0);
  CHECK(pthread_join(waiter, nullptr) == 0);
  return (end.tv_sec - begin.tv_sec) * 1'000'000'000 + end.tv_nsec - begin.tv_nsec;
}

// Calls that are refused at once, while somebody waits for the mutex that one of them would have unlocked.
NOINLINE void ask_in_vain() {
  timespec invalid = {0, -1}, soon = In(CLOCK_REALTIME, 1);
  constexpr clockid_t kNoClock = 77;
  sem_t none;
  cnd_t cnd;
  mtx_t mtx;
  CHECK(sem_init(&none, 0, 0) == 0 && cnd_init(&cnd) == thrd_success &&
        mtx_init(&mtx, mtx_timed) == thrd_success);
  CHECK(pthread_cond_timedwait(&g_condition, &g_mutex, &invalid) == EINVAL);
  CHECK(pthread_cond_clockwait(&g_condition, &g_mutex, kNoClock, &soon) == EINVAL);
  CHECK(mtx_lock(&mtx) == thrd_success && cnd_timedwait(&cnd, &mtx, &invalid) == thrd_error);
  CHECK(pthread_mutex_timedlock(&g_mutex, &invalid) == EINVAL);
  CHECK(pthread_rwlock_timedrdlock(&g_rwlock, &invalid) == EINVAL);
  CHECK(sem_timedwait(&none, &invalid) == -1 && errno == EINVAL);
  CHECK(sem_clockwait(&none, kNoClock, &soon) == -1 && errno == EINVAL);
  CHECK(pthread_join(pthread_self(), nullptr) == EDEADLK && thrd_join(pthread_self(), nullptr) == thrd_error);
  CHECK(pthread_clockjoin_np(pthread_self(), nullptr, kNoClock, &soon) == EINVAL);
  int word = 0;
  CHECK(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, nullptr) == -1 && errno == EAGAIN);
}

void Refused() {
  CHECK(pthread_mutex_lock(&g_mutex) == 0);
  const pthread_t waiter = StartWaiter(WaitForMutex);
  ask_in_vain();
  CHECK(pthread_mutex_unlock(&g_mutex) == 0);
  CHECK(pthread_join(waiter, nullptr) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  struct sigaction action = {};
  action.sa_handler = Keep;
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  action.sa_handler = JumpBack;
  CHECK(sigaction(SIGALRM, &action, nullptr) == 0);
  Mutex();
  Rwlock();
  Recursive();
  Condition();
  Refused();
  printf("%ld\n", Jumped());
  for (const char* name : {"block", "mutex"}) {
    const int fd = open((std::string(argv[1]) + "/" + name).c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    CHECK(fd >= 0 && heapprof_write_profile(name, fd, 0) == 0 && close(fd) == 0);
  }
  puts("OK");
}
