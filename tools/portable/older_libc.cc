// SPDX-License-Identifier: Apache-2.0
// What the command of the tarball (scripts/tarball) calls of libc, and glibc 2.28 has not, or not with the
// meaning that the linker would ask for. It is built with the libraries of a newer system, whose archives
// refer to these names; here they end, as each is hidden. What 2.28 has in an older version is a jump to that
// (jumps.inc).
#include "base/older_libc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEAPPROF_OURS __attribute__((visibility("hidden"), used))

namespace {

constexpr long kBillion = 1'000'000'000;

struct Search {
  uintptr_t address;
  dl_find_object* result;
};

int FindModule(dl_phdr_info* info, size_t, void* data) {
  auto search = static_cast<Search*>(data);
  bool inside = false;
  void* table = nullptr;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    const uintptr_t start = info->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_GNU_EH_FRAME) table = reinterpret_cast<void*>(start);
    if (segment.p_type != PT_LOAD || search->address - start >= segment.p_memsz) continue;
    inside = true;
    search->result->dlfo_map_start = reinterpret_cast<void*>(start);
    search->result->dlfo_map_end = reinterpret_cast<void*>(start + segment.p_memsz);
  }
  if (!inside || table == nullptr) return 0;
  search->result->dlfo_eh_frame = table;
  return 1;
}

}  // namespace

extern "C" {

// Of whom libgcc's unwinder asks where the tables of a function are. It reads nothing else of the answer.
HEAPPROF_OURS int _dl_find_object(void* address, dl_find_object* result) noexcept {
  memset(result, 0, sizeof(*result));
  Search search = {reinterpret_cast<uintptr_t>(address), result};
  return dl_iterate_phdr(FindModule, &search) == 1 ? 0 : -1;
}

// libstdc++ counts without atomic operations where this is not 0.
HEAPPROF_OURS char __libc_single_threaded = 0;

HEAPPROF_OURS int fstatat(int fd, const char* path, struct stat* to, int flags) noexcept {
  return static_cast<int>(syscall(SYS_newfstatat, fd, path, to, flags));
}
HEAPPROF_OURS int stat(const char* path, struct stat* to) noexcept { return fstatat(AT_FDCWD, path, to, 0); }
HEAPPROF_OURS int lstat(const char* path, struct stat* to) noexcept {
  return fstatat(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW);
}
HEAPPROF_OURS int fstat(int fd, struct stat* to) noexcept { return fstatat(fd, "", to, AT_EMPTY_PATH); }
HEAPPROF_OURS int fstat64(int fd, struct stat64* to) noexcept {
  static_assert(sizeof(struct stat64) == sizeof(struct stat), "one structure by two names");
  return static_cast<int>(syscall(SYS_newfstatat, fd, "", to, AT_EMPTY_PATH));
}

// std::random_device.
HEAPPROF_OURS uint32_t arc4random() noexcept {
  uint32_t value;
  while (getrandom(&value, sizeof(value), 0) != static_cast<ssize_t>(sizeof(value))) {
    if (errno != EINTR) abort();
  }
  return value;
}

// std::condition_variable::wait_until a time of the steady clock. Who sets the real time meanwhile makes it
// longer or shorter, as it was in libstdc++ before there was this function.
HEAPPROF_OURS int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                                         const timespec* until) {
  timespec now, real;
  clock_gettime(clock, &now);
  clock_gettime(CLOCK_REALTIME, &real);
  real.tv_sec += until->tv_sec - now.tv_sec;
  real.tv_nsec += until->tv_nsec - now.tv_nsec;
  if (real.tv_nsec < 0) {
    real.tv_nsec += kBillion;
    --real.tv_sec;
  } else if (real.tv_nsec >= kBillion) {
    real.tv_nsec -= kBillion;
    ++real.tv_sec;
  }
  return pthread_cond_timedwait(condition, mutex, &real);
}

// glibc before 2.34 has the program run its own constructors, and later ones do what such a program wants
// (__libc_start_main of the older version: jumps_<arch>.S).
extern void (*__init_array_start[])(int, char**, char**) __attribute__((visibility("hidden")));
extern void (*__init_array_end[])(int, char**, char**) __attribute__((visibility("hidden")));
extern void _init() __attribute__((visibility("hidden")));
HEAPPROF_OURS void hp_run_constructors(int argc, char** argv, char** environment) {
  _init();
  const size_t count = static_cast<size_t>(__init_array_end - __init_array_start);
  for (size_t i = 0; i < count; ++i) __init_array_start[i](argc, argv, environment);
}

}  // extern "C"
