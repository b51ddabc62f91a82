// SPDX-License-Identifier: Apache-2.0
// A library to be preloaded beside another malloc, as libfaketime and its like are: it stands before libc
// with functions that allocate at their first call, and with a clock that must not be asked while it starts.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int g_starting;
static long (*g_next_syscall)(long, ...);

// Memory of each kind, then the next definition of `name`, which may allocate as well.
static void* Next(const char* name) {
  char* block = malloc(100);
  block = realloc(block, 5000);
  void* aligned = NULL;
  if (block == NULL || posix_memalign(&aligned, 64, 100) != 0) _exit(97);
  memset(block, 1, 5000);
  free(block);
  free(aligned);
  free(calloc(10, 10));
  return dlsym(RTLD_NEXT, name);
}

// A type has no parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define GREEDY(type, name, parameters, arguments)               \
  __attribute__((visibility("default"))) type name parameters { \
    static type(*next) parameters;                              \
    if (next == NULL) next = (type(*) parameters)Next(#name);   \
    return next arguments;                                      \
  }
// NOLINTEND(bugprone-macro-parentheses)

static void MustNotBeAsked(const char* who) {
  if (!g_starting) return;
  if (write(2, who, strlen(who)) < 0) _exit(98);
  _exit(99);
}

static int RealClock(clockid_t id, struct timespec* now) {
  static int (*next)(clockid_t, struct timespec*);
  if (next == NULL) next = (int (*)(clockid_t, struct timespec*))Next("clock_gettime");
  return next(id, now);
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec* now) {
  MustNotBeAsked("clock_gettime during the start\n");
  return RealClock(id, now);
}
__attribute__((visibility("default"))) ssize_t readlink(const char* path, char* to, size_t size) {
  MustNotBeAsked("readlink during the start\n");
  static ssize_t (*next)(const char*, char*, size_t);
  if (next == NULL) next = (ssize_t(*)(const char*, char*, size_t))Next("readlink");
  return next(path, to, size);
}
__attribute__((visibility("default"))) long syscall(long number, ...) {
  MustNotBeAsked("syscall during the start\n");
  va_list list;
  va_start(list, number);
  long a[6];
  for (int i = 0; i < 6; ++i) a[i] = va_arg(list, long);
  va_end(list);
  if (g_next_syscall == NULL) g_next_syscall = (long (*)(long, ...))Next("syscall");
  return g_next_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

GREEDY(long, sysconf, (int name), (name))
GREEDY(char*, secure_getenv, (const char* name), (name))
GREEDY(int, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t* set), (pid, size, set))
GREEDY(int, sched_yield, (void), ())
GREEDY(int, pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t* attributes),
       (mutex, attributes))
GREEDY(int, pthread_mutexattr_init, (pthread_mutexattr_t * attributes), (attributes))
GREEDY(int, pthread_cond_init, (pthread_cond_t * condition, const pthread_condattr_t* attributes),
       (condition, attributes))
GREEDY(int, pthread_key_create, (pthread_key_t * key, void (*destroy)(void*)), (key, destroy))
GREEDY(void*, mmap, (void* at, size_t size, int protection, int flags, int fd, off_t offset),
       (at, size, protection, flags, fd, offset))
GREEDY(int, munmap, (void* at, size_t size), (at, size))
GREEDY(int, madvise, (void* at, size_t size, int advice), (at, size, advice))
GREEDY(int, mprotect, (void* at, size_t size, int protection), (at, size, protection))

__attribute__((constructor)) static void Start(void) {
  struct timespec now;
  g_starting = 1;
  RealClock(CLOCK_REALTIME, &now);
  (void)dlsym(RTLD_NEXT, "no_such_function_anywhere");
  free(strdup(dlerror()));
  g_starting = 0;
}
