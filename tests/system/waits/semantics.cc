// SPDX-License-Identifier: Apache-2.0
// What must be as it is without the profiles of waits: semantics MODE.
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <time.h>

#include <atomic>
#include <string>

#include "tests/system/programs/program.h"
#include "tests/system/waits/times.h"

namespace {

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t g_rwlock = PTHREAD_RWLOCK_INITIALIZER;
pthread_cond_t g_condition = PTHREAD_COND_INITIALIZER;
sem_t g_semaphore;
std::atomic<int> g_word{0};

// What the wrappers must leave as it is.
void Semantics() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutex_t checking, recursive, robust, inheriting;
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&checking, &attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&recursive, &attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_NORMAL);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_STALLED);
  pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
  pthread_mutex_init(&inheriting, &attributes);
  timespec soon = In(CLOCK_REALTIME, 5), invalid = {0, -1};

  CHECK(pthread_mutex_lock(&checking) == 0 && pthread_mutex_lock(&checking) == EDEADLK);
  CHECK(pthread_mutex_timedlock(&checking, &soon) == EDEADLK);
  CHECK(pthread_mutex_unlock(&checking) == 0 && pthread_mutex_unlock(&checking) == EPERM);
  for (int i = 0; i < 3; ++i) CHECK(pthread_mutex_lock(&recursive) == 0);
  for (int i = 0; i < 3; ++i) CHECK(pthread_mutex_unlock(&recursive) == 0);
  CHECK(pthread_mutex_unlock(&recursive) == EPERM);
  CHECK(pthread_mutex_lock(&inheriting) == 0);
  CHECK(pthread_mutex_unlock(&inheriting) == 0);
  CHECK(pthread_mutex_clocklock(&recursive, 77, &soon) == EINVAL);
  CHECK(pthread_mutex_timedlock(&recursive, &invalid) == 0 && pthread_mutex_unlock(&recursive) == 0);

  pthread_t thread;
  auto take = [](void* mutex) -> void* {
    pthread_mutex_lock(static_cast<pthread_mutex_t*>(mutex));
    return nullptr;
  };
  CHECK(pthread_create(&thread, nullptr, take, &robust) == 0 && pthread_join(thread, nullptr) == 0);
  CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD && pthread_mutex_unlock(&robust) == 0);
  CHECK(pthread_mutex_lock(&robust) == ENOTRECOVERABLE);

  CHECK(pthread_mutex_lock(&g_mutex) == 0);
  CHECK(pthread_mutex_timedlock(&g_mutex, &invalid) == EINVAL);
  CHECK(pthread_mutex_unlock(&g_mutex) == 0);
  CHECK(pthread_rwlock_wrlock(&g_rwlock) == 0 && pthread_rwlock_rdlock(&g_rwlock) == EDEADLK);
  CHECK(pthread_rwlock_wrlock(&g_rwlock) == EDEADLK && pthread_rwlock_unlock(&g_rwlock) == 0);
  CHECK(pthread_rwlock_timedrdlock(&g_rwlock, &invalid) == EINVAL);
  CHECK(pthread_rwlock_clockwrlock(&g_rwlock, 77, &soon) == EINVAL);

  sem_t one;
  CHECK(sem_init(&one, 0, 1) == 0);
  errno = 77;
  CHECK(sem_timedwait(&one, &invalid) == -1 && errno == EINVAL);
  errno = 77;
  CHECK(sem_clockwait(&one, 77, &soon) == -1 && errno == EINVAL);
  errno = 77;
  CHECK(sem_wait(&one) == 0 && errno == 77);
  CHECK(syscall(SYS_getpid) == getpid());
  errno = 0;
  CHECK(syscall(SYS_futex, &g_word, FUTEX_WAIT_PRIVATE, g_word.load() + 1, nullptr) == -1 && errno == EAGAIN);
}

void Interrupted(int) {}

void* InterruptedWait(void*) {
  sem_t never;
  sem_init(&never, 0, 0);
  errno = 0;
  return reinterpret_cast<void*>(static_cast<long>(sem_wait(&never) == -1 && errno == EINTR));
}

std::atomic<int> g_cleaned{0}, g_waiting{0};

void CleanUp(void* mutex) {
  ++g_cleaned;
  // The mutex is this thread's again.
  if (mutex != nullptr) CHECK(pthread_mutex_unlock(static_cast<pthread_mutex_t*>(mutex)) == 0);
}

void* CancelledCondition(void*) {
  pthread_mutex_lock(&g_mutex);
  pthread_cleanup_push(CleanUp, &g_mutex);
  ++g_waiting;
  for (;;) pthread_cond_wait(&g_condition, &g_mutex);
  pthread_cleanup_pop(1);
  return nullptr;
}

void* CancelledSemaphore(void*) {
  pthread_cleanup_push(CleanUp, nullptr);
  ++g_waiting;
  sem_wait(&g_semaphore);
  pthread_cleanup_pop(1);
  return nullptr;
}

// A semaphore that is free is a cancellation point, too.
void* CancelledAtOnce(void*) {
  pthread_cleanup_push(CleanUp, nullptr);
  pthread_cancel(pthread_self());
  sem_t free_one;
  sem_init(&free_one, 0, 1);
  sem_wait(&free_one);
  CHECK(!"cancelled");
  pthread_cleanup_pop(1);
  return nullptr;
}

void Cancelled() {
  CHECK(sem_init(&g_semaphore, 0, 0) == 0);
  int expected = 0;
  for (auto* function : {CancelledCondition, CancelledSemaphore, CancelledAtOnce}) {
    for (int round = 0; round < 20; ++round) {
      g_waiting = function == CancelledAtOnce ? 1 : 0;
      pthread_t thread;
      CHECK(pthread_create(&thread, nullptr, function, nullptr) == 0);
      while (g_waiting.load() == 0) Pause(1);
      if (function == CancelledCondition) {
        // It waits when the mutex is free again; it may have been woken when it is cancelled.
        pthread_mutex_lock(&g_mutex);
        if (round % 2 == 0) pthread_cond_signal(&g_condition);
        pthread_mutex_unlock(&g_mutex);
      }
      if (function != CancelledAtOnce) CHECK(pthread_cancel(thread) == 0);
      void* value = nullptr;
      CHECK(pthread_join(thread, &value) == 0 && value == PTHREAD_CANCELED);
      CHECK(g_cleaned.load() == ++expected);
    }
  }
  CHECK(pthread_mutex_lock(&g_mutex) == 0);
  CHECK(pthread_mutex_unlock(&g_mutex) == 0);

  struct sigaction action = {};
  action.sa_handler = Interrupted;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, InterruptedWait, nullptr) == 0);
  void* interrupted = nullptr;
  timespec time;
  do {
    pthread_kill(thread, SIGUSR1);
    time = In(CLOCK_REALTIME, 2);
  } while (pthread_timedjoin_np(thread, &interrupted, &time) != 0);
  CHECK(interrupted != nullptr);
}

// With a priority ceiling that a thread may not take, libc refuses the thread's first call and forgets to
// refuse the second: who asks twice has another answer.
void* LockWithCeiling(void* function) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  CHECK(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_PROTECT) == 0);
  pthread_mutex_t mutex;
  CHECK(pthread_mutex_init(&mutex, &attributes) == 0);
  const auto lock = reinterpret_cast<int (*)(pthread_mutex_t*)>(function);
  const intptr_t result = lock != nullptr ? lock(&mutex) : pthread_mutex_lock(&mutex);
  return reinterpret_cast<void*>(result);
}

void Ceilings() {
  void* answers[2];
  void* const functions[] = {dlsym(RTLD_DEFAULT, "pthread_mutex_lock"), nullptr};
  for (int i = 0; i < 2; ++i) {
    pthread_t thread;
    CHECK(pthread_create(&thread, nullptr, LockWithCeiling, functions[i]) == 0);
    CHECK(pthread_join(thread, &answers[i]) == 0);
  }
  CHECK(answers[0] == answers[1]);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const std::string mode = argv[1];
  if (mode == "semantics") Semantics();
  if (mode == "semantics") Ceilings();
  if (mode == "cancelled") Cancelled();
  puts("OK");
}
