// SPDX-License-Identifier: Apache-2.0
// The floating-point environment is the program's: no call raises a flag of it, none traps where exceptions
// do, and the rounding stays as it was set.
#include <fcntl.h>
#include <fenv.h>
#include <malloc.h>

#include <initializer_list>
#include <new>

#include "tests/system/programs/program.h"

extern "C" {
extern __typeof__(heapprof_start_cpu_profile) heapprof_start_cpu_profile __attribute__((weak));
extern __typeof__(heapprof_stop_cpu_profile) heapprof_stop_cpu_profile __attribute__((weak));
}

namespace {

void* volatile g_use;
volatile unsigned g_work;

void AllocateInAllWays() {
  for (size_t i = 0; i < 3000; ++i) {
    const size_t size = 1 + i * 37 % 9000;
    free(g_use = malloc(size));
    free(g_use = realloc(calloc(3, size), size * 2));
    free(g_use = aligned_alloc(256, size));
    ::operator delete(g_use = ::operator new(size), size);
  }
}

void WriteAll() {
  if (!HasLibrary()) return;
  Dump();
  DumpBySignal();
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  for (const char* name : {"heap", "allocs", "memory", "peak", "growth", "lifetimes", "threadcreate",
                           "threads", "block", "mutex"}) {
    for (int debug : {0, 1}) CHECK(heapprof_write_profile(name, null, debug) == 0);
  }
  CHECK(heapprof_start_cpu_profile(null, 1000) == 0);
  for (unsigned i = 0; i < 3000000; ++i) g_work = g_work + i;
  CHECK(heapprof_stop_cpu_profile() == 0);
  CHECK(close(null) == 0);
}

void SetIntervals() {
  for (size_t interval : {size_t{512} << 10, size_t{1000}, size_t{1}, size_t{3}}) {
    if (HasLibrary()) CHECK(heapprof_set_sample_interval(interval) == 0);
    AllocateInAllWays();
  }
}

}  // namespace

int main() {
  for (int rounding : {FE_TONEAREST, FE_UPWARD}) {
    CHECK(fesetround(rounding) == 0);
    CHECK(feclearexcept(FE_ALL_EXCEPT) == 0);
    AllocateInAllWays();
    WriteAll();
    SetIntervals();
    WriteAll();
    CHECK(fetestexcept(FE_ALL_EXCEPT) == 0);
    CHECK(fegetround() == rounding);
    CHECK(feenableexcept(FE_ALL_EXCEPT) == 0);
    AllocateInAllWays();
    WriteAll();
    SetIntervals();
    CHECK(fedisableexcept(FE_ALL_EXCEPT) == FE_ALL_EXCEPT);
    CHECK(feraiseexcept(FE_DIVBYZERO) == 0);
    AllocateInAllWays();
    CHECK(fetestexcept(FE_ALL_EXCEPT) == FE_DIVBYZERO);
  }
  CHECK(fesetround(FE_TONEAREST) == 0);
  Finish();
}
