// SPDX-License-Identifier: Apache-2.0
// Threads that libc makes by other ways than pthread_create, each with 200 ms of CPU time in a function, 1000
// Hz.
//   made        C11's thrd_create; SIGEV_THREAD of a timer and of a message queue
//   many        likewise, after more queues that never notified, and in the child of a process with more
//   timers,
//               than the library keeps in mind; they look at their label only
//   namespace   a thread beside main, in a PID namespace under the /proc of the outer one
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>
#include <threads.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/system/cpu/load.h"

namespace {

constexpr int64_t kNanos = 200'000'000;
sem_t g_done;
void* g_kept = nullptr;

bool HasLabel() {
  if (heapprof_labels_get == nullptr) return true;
  const char* tenant = heapprof_labels_get("tenant");
  return tenant != nullptr && strcmp(tenant, "a") == 0;
}

NOINLINE void InC11() { BurnFor(kNanos); }
NOINLINE void InTimer() { BurnFor(kNanos); }
NOINLINE void InQueue() { BurnFor(kNanos); }
NOINLINE void InMain() { BurnFor(kNanos); }
NOINLINE void Beside() { BurnFor(kNanos); }

int StartC11(void* argument) {
  CHECK(HasLabel());
  CHECK(argument == &g_done);
  InC11();
  return 42;
}
int ExitC11(void*) { thrd_exit(-7); }

void OnTimer(sigval value) {
  CHECK(HasLabel());
  InTimer();
  CHECK(value.sival_ptr == g_kept);
  CHECK(sem_post(&g_done) == 0);
}
void OnMessage(sigval value) {
  CHECK(HasLabel());
  InQueue();
  CHECK(value.sival_int == 17);
  CHECK(sem_post(&g_done) == 0);
}

void Wait() {
  while (sem_wait(&g_done) != 0) CHECK(errno == EINTR);
}

void C11() {
  thrd_t thread;
  int result = 0;
  CHECK(thrd_create(&thread, StartC11, &g_done) == thrd_success);
  CHECK(thrd_join(thread, &result) == thrd_success && result == 42);
  CHECK(thrd_create(&thread, ExitC11, nullptr) == thrd_success);
  CHECK(thrd_join(thread, &result) == thrd_success && result == -7);
}

void OneTimer() {
  free(g_kept);
  g_kept = malloc(100);
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = OnTimer;
  event.sigev_value.sival_ptr = g_kept;
  timer_t timer;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  const itimerspec at = {{0, 0}, {0, 1'000'000}};
  CHECK(timer_settime(timer, 0, &at, nullptr) == 0);
  Wait();
  CHECK(timer_delete(timer) == 0);
}

void Timer() {
  OneTimer();
  // Many that are never due, one after the other, each for another thing.
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = OnTimer;
  timer_t timer;
  for (int i = 0; i < 5000; ++i) {
    event.sigev_value.sival_int = i;
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_delete(timer) == 0);
  }
  // More at a time than are kept in mind, if the process may have so many.
  std::vector<timer_t> timers;
  while (timers.size() < 1200 && timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) timers.push_back(timer);
  for (timer_t each : timers) CHECK(timer_delete(each) == 0);
  OneTimer();
  event.sigev_notify = SIGEV_NONE;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_delete(timer) == 0);
  CHECK(timer_create(CLOCK_MONOTONIC, nullptr, &timer) == 0 && timer_delete(timer) == 0);
}

void Queue() {
  const std::string name = "/heapprof-test." + std::to_string(getpid());
  const mqd_t queue = mq_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600, nullptr);
  if (queue == static_cast<mqd_t>(-1)) {
    puts("no queues");
    return;
  }
  CHECK(mq_unlink(name.c_str()) == 0);
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = OnMessage;
  event.sigev_value.sival_int = 17;
  CHECK(mq_notify(queue, &event) == 0);
  CHECK(mq_send(queue, "x", 1, 0) == 0);
  Wait();
  CHECK(mq_close(queue) == 0);
}

void OnlyLook(sigval) {
  CHECK(HasLabel());
  CHECK(sem_post(&g_done) == 0);
}

void OneLook() {
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = OnlyLook;
  timer_t timer;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  const itimerspec at = {{0, 0}, {0, 1'000'000}};
  CHECK(timer_settime(timer, 0, &at, nullptr) == 0);
  Wait();
  CHECK(timer_delete(timer) == 0);
}

void Many() {
  constexpr size_t kMany = 1200;
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = OnlyLook;
  const std::string name = "/heapprof-test." + std::to_string(getpid());
  for (size_t i = 0; i < kMany; ++i) {
    const mqd_t queue = mq_open(name.c_str(), O_CREAT | O_RDWR, 0600, nullptr);
    if (queue == static_cast<mqd_t>(-1)) break;
    CHECK(mq_notify(queue, &event) == 0);
    if (i == 0) CHECK(mq_notify(queue, &event) == -1 && errno == EBUSY);
    if (i == 0) CHECK(mq_send(queue, "x", 1, 0) == 0);
    if (i == 0) Wait();  // it was told of the first registration
    CHECK(mq_close(queue) == 0 && mq_unlink(name.c_str()) == 0);
  }
  OneLook();
  timer_t timer;
  for (size_t i = 0; i < kMany && timer_create(CLOCK_MONOTONIC, &event, &timer) == 0; ++i) {
  }
  const pid_t child = fork();
  if (child == 0) {
    OneLook();
    _exit(0);
  }
  int status;
  CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// The child is the first process of its namespace.
void InNamespace() {
  if (unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
    puts("refused");
    return;
  }
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(getpid() == 1);
    std::thread beside(Beside);
    const int fd = OpenNew("inner.cpu.pb.gz");
    if (heapprof_start_cpu_profile != nullptr) CHECK(heapprof_start_cpu_profile(fd, 1000) == 0);
    InMain();
    beside.join();
    if (heapprof_stop_cpu_profile != nullptr) CHECK(heapprof_stop_cpu_profile() == 0);
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const std::string mode = argv[1];
  if (mode == "namespace") InNamespace();
  if (mode == "made") {
    CHECK(sem_init(&g_done, 0, 0) == 0);
    if (heapprof_labels_set != nullptr) CHECK(heapprof_labels_set("tenant", "a") == 0);
    C11();
    Queue();
    Timer();
  }
  if (mode == "many") {
    CHECK(sem_init(&g_done, 0, 0) == 0);
    if (heapprof_labels_set != nullptr) CHECK(heapprof_labels_set("tenant", "a") == 0);
    Many();
  }
  Finish();
}
