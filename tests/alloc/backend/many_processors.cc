// SPDX-License-Identifier: Apache-2.0
// Stands in a program in place of libc's functions: the machine seems to have eight processors, all of them
// ours, or OURS of them. And a setting of jemalloc that leaves arenas alone.
#include <sched.h>
#include <unistd.h>

extern "C" {

const char* malloc_conf = "muzzy_decay_ms:1234";

long __sysconf(int name);  // NOLINT(bugprone-reserved-identifier): libc's own

long sysconf(int name) noexcept {
  return name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF ? 8 : __sysconf(name);
}

int sched_getaffinity(pid_t, size_t size, cpu_set_t* set) noexcept {
  CPU_ZERO_S(size, set);
#ifndef OURS
#define OURS 8
#endif
  for (size_t i = 0; i < OURS; ++i) CPU_SET_S(i, size, set);
  return 0;
}
}
