// SPDX-License-Identifier: Apache-2.0
// What the scenarios share: a table of them by name, and a way to call code that leaves nothing behind.
//
// Each scenario is small, ends the process by returning or by exit(), and either leaks or does not: the
// verdict is in the exit status, which is that of LeakSanitizer (23) or 0. The same source is built with and
// without it.
#ifndef HEAPPROF_TESTS_SYSTEM_LEAK_PROGRAMS_SCENARIO_H_
#define HEAPPROF_TESTS_SYSTEM_LEAK_PROGRAMS_SCENARIO_H_

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
#define CHECK(condition)                                                 \
  do {                                                                   \
    if (!(condition)) {                                                  \
      static const char kText[] = __FILE__ ": failed: " #condition "\n"; \
      _exit(write(2, kText, sizeof kText - 1) < 0 ? 98 : 99);            \
    }                                                                    \
  } while (0)

extern "C" {
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));
void __lsan_ignore_object(const void*) __attribute__((weak));
void __lsan_register_root_region(const void*, size_t) __attribute__((weak));
void __lsan_unregister_root_region(const void*, size_t) __attribute__((weak));
void __lsan_do_leak_check(void) __attribute__((weak));
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
}

// Calls `function` far down the stack, and then wipes what it may have left there and above.
NOINLINE void CallAndWipe(void (*function)());

// A block of `size` bytes that the compiler cannot do without.
NOINLINE void* Block(size_t size);

struct Scenario {
  const char* name;
  void (*run)();
};

// Adds the scenarios of a file to the table.
struct Register {
  Register(const Scenario* first, size_t count);
};
#define SCENARIOS(list) static Register g_register(list, sizeof(list) / sizeof((list)[0]))

#endif  // HEAPPROF_TESTS_SYSTEM_LEAK_PROGRAMS_SCENARIO_H_
