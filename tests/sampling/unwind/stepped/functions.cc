// SPDX-License-Identifier: Apache-2.0
// The functions that stepped_test.cc executes instruction by instruction. Compiled many times, by gcc and
// clang at each level, with and without frame pointers; VARIANT names the copy.
#include <alloca.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <stdexcept>
#include <string>

#define NOINLINE __attribute__((noinline))
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)

namespace {

volatile int g_sink;
volatile double g_double;

NOINLINE int Leaf(int a) { return a * 3 + g_sink; }

NOINLINE int Plain(int a, int b) {
  int kept = Leaf(a);
  return kept + Leaf(b) + a;
}

NOINLINE int ManyRegisters(int a, int b, int c, int d, int e, int f, int g, int h) {
  int i = Leaf(a), j = Leaf(b), k = Leaf(c), l = Leaf(d), m = Leaf(e), n = Leaf(f);
  return Plain(i, j) + k * l + m * n + g + h + i * j;
}

NOINLINE int Alloca(int size) {
  auto* room = static_cast<volatile char*>(alloca(static_cast<size_t>(size)));
  room[size - 1] = 2;
  return Plain(room[size - 1], size);
}

NOINLINE int Realigned(int a) {
  alignas(64) volatile int room[32];
  room[a] = a;
  return Plain(room[a], a);
}

NOINLINE int RealignedAlloca(int size) {
  alignas(128) volatile int room[32];
  auto* more = static_cast<volatile char*>(alloca(static_cast<size_t>(size)));
  room[1] = more[0] = 3;
  return Plain(room[1], more[0]) + Leaf(size);
}

NOINLINE int Variadic(int count, ...) {
  va_list list;
  va_start(list, count);
  int sum = 0;
  for (int i = 0; i < count; ++i)
    sum += i % 2 == 0 ? va_arg(list, int) : static_cast<int>(va_arg(list, double));
  va_end(list);
  return Leaf(sum);
}

NOINLINE int TailCalled(int a) { return a > 100 ? Plain(a, 1) : Leaf(a); }
NOINLINE int TailCalls(int a) {
  g_sink = a;
  return TailCalled(a + 1);
}

NOINLINE int Recursive(int depth) { return depth == 0 ? Leaf(1) : Recursive(depth - 1) + depth; }

NOINLINE int BigFrame(int a) {
  volatile char room[40000];
  room[a] = 1;
  return Plain(room[a], a);
}

jmp_buf g_back;
[[noreturn]] NOINLINE void Never(int a) {
  g_sink = Leaf(a);
  longjmp(g_back, 1);
}
NOINLINE int EndsInNever(int a) {
  if (a > 0) Never(a);
  return Leaf(a);
}
NOINLINE int Jumps(int a) {
  volatile int kept = a;
  if (setjmp(g_back) == 0) return EndsInNever(kept);
  return kept;
}

struct Guard {
  explicit Guard(int a) : value(a) {}
  ~Guard() { g_sink = Leaf(value); }
  int value;
};
[[noreturn]] NOINLINE void Throws(int a) {
  Guard guard(a);
  if (a < 1000) throw std::runtime_error("stepped");
  abort();
}
NOINLINE int Catches(int a) {
  Guard guard(a);
  try {
    Guard inner(a + 1);
    Throws(a);
  } catch (const std::runtime_error& error) {
    return static_cast<int>(strlen(error.what()));
  }
}

NOINLINE int Compares(const void* a, const void* b) {
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}
NOINLINE int CallsBack(int a) {
  int values[] = {a, 3, 1, 2};
  qsort(values, 4, sizeof(int), [](const void* left, const void* right) { return Compares(left, right); });
  return values[0];
}

NOINLINE int UsesLibraries(int a) {
  char text[64];
  snprintf(text, sizeof(text), "%d %.2f", a, static_cast<double>(g_double));
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  std::string string(text);
  string += string + " and a text that is too long to lie in place";
  return static_cast<int>(string.size());
}

struct Base {
  virtual ~Base() = default;
  virtual int Do(int a) = 0;
};
struct Derived : Base {
  NOINLINE int Do(int a) override { return Plain(a, a + 1); }
};

}  // namespace

extern "C" int JOIN(Stepped_, VARIANT)() {
  Derived derived;
  Base* base = &derived;
  int sum = Leaf(1) + Plain(1, 2) + ManyRegisters(1, 2, 3, 4, 5, 6, 7, 8);
  sum += Alloca(100) + Alloca(5000) + Realigned(3) + RealignedAlloca(300);
  sum += Variadic(4, 1, 2.0, 3, 4.0) + TailCalls(5) + TailCalls(500) + Recursive(7) + BigFrame(9);
  sum += Jumps(3) + Catches(4) + CallsBack(2) + UsesLibraries(3) + base->Do(7);
  return sum;
}
