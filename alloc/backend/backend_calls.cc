// SPDX-License-Identifier: Apache-2.0
// What the private jemalloc calls of the system, under the names that private_jemalloc.cmake gives it.
//
// A library that is preloaded beside ours may have a clock, a readlink or a syscall of its own, which waits
// for its own start, which allocates: jemalloc's start would wait for it, and it for jemalloc (libfaketime
// does). And jemalloc's time is not the program's, which may be told another one. So they go to the kernel
// here. gettimeofday does not: it makes times for pthread_cond_timedwait, and both are to be of one clock.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>

#include <atomic>

#include "base/real_functions.h"
#include "base/system/raw_syscall.h"
#include "base/system/vdso.h"

namespace heapprof {
namespace {

using Clock = int(clockid_t, timespec*);

// jemalloc asks for no reasons, and errno is the program's.
long AsLibc(long result) {
  constexpr long kLowestError = -4095;
  return result < 0 && result >= kLowestError ? -1 : result;
}

int ClockOfKernel(clockid_t clock, timespec* now) {
  return static_cast<int>(RawSyscall(SYS_clock_gettime, clock, reinterpret_cast<long>(now)));
}

Clock* FindClock() {
  static std::atomic<Clock*> found{nullptr};
  // relaxed: code, which is there from the start.
  Clock* clock = found.load(std::memory_order_relaxed);
  if (clock != nullptr) return clock;
  clock = reinterpret_cast<Clock*>(FindInVdso(getauxval(AT_SYSINFO_EHDR), kVdsoClock));
  if (clock == nullptr) clock = ClockOfKernel;
  found.store(clock, std::memory_order_relaxed);
  return clock;
}

int NoThread() { return EAGAIN; }

}  // namespace
}  // namespace heapprof

using heapprof::AsLibc;
using heapprof::NoThread;
using heapprof::RawSyscall;

#pragma GCC visibility push(hidden)
extern "C" {

int hpje_clock_gettime(clockid_t clock, timespec* now) {
  return static_cast<int>(AsLibc(heapprof::FindClock()(clock, now)));
}

ssize_t hpje_readlink(const char* path, char* target, size_t size) {
  return AsLibc(RawSyscall(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>(path),
                           reinterpret_cast<long>(target), static_cast<long>(size)));
}

int hpje_sched_yield(void) { return static_cast<int>(AsLibc(RawSyscall(SYS_sched_yield))); }

long hpje_syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long arguments[6];
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  return AsLibc(
      RawSyscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]));
}

// Of jemalloc's own profiler, which is never on (alloc/init.cc): no process shall load libm and libgcc_s for
// it.
double hpje_log(double x) { return heapprof::Log(x); }
double hpje_exp(double x) { return heapprof::Expm1(x) + 1; }
double hpje_round(double x) { return static_cast<double>(static_cast<int64_t>(x < 0 ? x - 0.5 : x + 0.5)); }
int hpje__Unwind_Backtrace(void*, void*) { return 5; }  // _URC_END_OF_STACK
uintptr_t hpje__Unwind_GetIP(void*) { return 0; }

// jemalloc asks for pthread_create when it is to start threads of its own. Before glibc 2.34 a program may
// have none: jemalloc would end the process, where a thread that cannot be made is a line of its.
void* hpje_dlsym(void* handle, const char* name) {
  void* found = dlsym(handle, name);
  return found != nullptr ? found : reinterpret_cast<void*>(&NoThread);
}

}  // extern "C"
#pragma GCC visibility pop
