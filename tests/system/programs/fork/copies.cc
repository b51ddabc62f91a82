// SPDX-License-Identifier: Apache-2.0
// Children that no handler of fork sees, each of which does something and then exits with status 3.
//   copies HOW WHAT
// HOW: clone (the bare system call), stack (libc's clone), _Fork, fork; "threads-" before it: the parent has
// a thread more. WHAT: exit, stop, start, interval, thread, dump, check, profile.
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <string>

#include "tests/system/programs/program.h"

extern "C" {
extern __typeof__(heapprof_start_cpu_profile) heapprof_start_cpu_profile __attribute__((weak));
extern __typeof__(heapprof_stop_cpu_profile) heapprof_stop_cpu_profile __attribute__((weak));
extern __typeof__(heapprof_check_leaks) heapprof_check_leaks __attribute__((weak));
extern __typeof__(heapprof_profile_new) heapprof_profile_new __attribute__((weak));
extern __typeof__(heapprof_profile_add) heapprof_profile_add __attribute__((weak));
extern __typeof__(heapprof_profile_add_value) heapprof_profile_add_value __attribute__((weak));
extern __typeof__(heapprof_profile_remove) heapprof_profile_remove __attribute__((weak));
extern __typeof__(heapprof_labels_set) heapprof_labels_set __attribute__((weak));
}

namespace {

std::string g_what;

NOINLINE void Burn() {
  for (volatile long i = 0; i < 30'000'000; i = i + 1) {
  }
}

NOINLINE void BurnInChild() {
  for (volatile long i = 0; i < 100'000'000; i = i + 1) {
  }
}

void* InThread(void*) {
  free(malloc(100));
  return nullptr;
}

void WithCpuProfile(FILE* file) {
  CHECK(heapprof_start_cpu_profile(fileno(file), 1000) == 0);
  CHECK(heapprof_start_cpu_profile(fileno(file), 1000) == -EBUSY);
  BurnInChild();
  CHECK(heapprof_stop_cpu_profile() == 0);
}

[[noreturn]] void InChild() {
  if (g_what == "stop") CHECK(heapprof_stop_cpu_profile() == -ENOENT);
  if (g_what == "start") {
    FILE* file = fopen("child.cpu.pb.gz", "w");
    CHECK(file != nullptr);
    WithCpuProfile(file);
    fclose(file);
  }
  if (g_what == "interval") CHECK(heapprof_set_sample_interval(1) == 0);
  if (g_what == "thread") {
    pthread_t thread;
    CHECK(pthread_create(&thread, nullptr, InThread, nullptr) == 0);
    CHECK(pthread_join(thread, nullptr) == 0);
  }
  if (g_what == "dump") {
    Dump();
    DumpBySignal();
  }
  if (g_what == "check") {
    heapprof_leaks leaks = {};
    leaks.size = sizeof leaks;
    CHECK(heapprof_check_leaks(0, 0, &leaks, nullptr, nullptr) == 0);
  }
  if (g_what == "profile") {
    CHECK(heapprof_labels_set("who", "child") == 0);
    heapprof_profile* profile = heapprof_profile_new("childs");
    CHECK(profile != nullptr && heapprof_profile_add(profile, &profile, 0) == 0);
    CHECK(heapprof_profile_add_value(profile, &g_what, 0, 1, 8, "bytes") == 0);
    CHECK(heapprof_profile_remove(profile, &g_what) == 0);
  }
  exit(3);
}

int OnStack(void*) { InChild(); }

pid_t MakeChild(const std::string& how) {
  if (how == "stack") {
    static char stack[256 << 10] __attribute__((aligned(64)));
    return clone(OnStack, stack + sizeof stack, SIGCHLD, nullptr);
  }
  const pid_t child = how == "clone"   ? static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))
                      : how == "_Fork" ? _Fork()
                                       : fork();
  if (child == 0) InChild();
  return child;
}

void* WaitForEnd(void* ends) {
  char end;
  CHECK(read(static_cast<int*>(ends)[0], &end, 1) == 0);
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  std::string how = argv[1];
  g_what = argv[2];
  const std::string threads = "threads-";
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  pthread_t thread = 0;
  if (how.compare(0, threads.size(), threads) == 0) {
    how.erase(0, threads.size());
    CHECK(pthread_create(&thread, nullptr, WaitForEnd, ends) == 0);
  }
  Burn();
  const pid_t child = MakeChild(how);
  CHECK(child > 0);
  int status = 0;
  CHECK(waitpid(child, &status, __WALL) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
  close(ends[1]);
  if (thread != 0) CHECK(pthread_join(thread, nullptr) == 0);
  Burn();
  printf("child %d\n", child);
  Finish();
}
