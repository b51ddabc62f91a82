// SPDX-License-Identifier: Apache-2.0
// How much of a stack the library takes for itself: calls on a coroutine's stack that was painted before.
// Prints the bytes between the caller's frame and the lowest byte that was written, per call.
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>

#include "tests/system/programs/program.h"

namespace {

constexpr size_t kStack = 256 << 10;
constexpr unsigned char kPaint = 0x5a;

unsigned char* g_stack;
ucontext_t g_home, g_other;
void (*g_call)();
unsigned char* g_frame;

void* volatile g_block;

NOINLINE void OnPaintedStack() {
  g_frame = static_cast<unsigned char*>(__builtin_frame_address(0));
  std::fill(g_stack, g_frame - 512, kPaint);  // below the frame of fill itself
  g_call();
  CHECK(swapcontext(&g_other, &g_home) == 0);
}

NOINLINE size_t BytesUsedBy(void (*call)()) {
  g_call = call;
  CHECK(getcontext(&g_other) == 0);
  g_other.uc_stack.ss_sp = g_stack;
  g_other.uc_stack.ss_size = kStack;
  g_other.uc_link = &g_home;
  makecontext(&g_other, OnPaintedStack, 0);
  CHECK(swapcontext(&g_home, &g_other) == 0);
  unsigned char* lowest = std::find_if(g_stack, g_frame, [](unsigned char byte) { return byte != kPaint; });
  return static_cast<size_t>(g_frame - lowest);
}

void Report(const char* what, void (*call)()) {
  const size_t cold = BytesUsedBy(call), warm = BytesUsedBy(call);
  printf("%s cold %zu warm %zu\n", what, cold, warm);
  if (!HasLibrary()) return;
  // A quarter of the 16 KiB that small coroutines have. The first call of all may bind its function, in the
  // loader.
  CHECK(cold <= 6144 && warm <= 4096);
}

// A handler's frame lies there too, as large as the processor's registers are.
void ReportSignal() {
  const size_t used = BytesUsedBy([] { DumpBySignal(); });
  printf("signal %zu of which the kernel's %lu\n", used, getauxval(AT_MINSIGSTKSZ));
  CHECK(!HasLibrary() || used <= getauxval(AT_MINSIGSTKSZ) + 2048);
}

}  // namespace

int main() {
  g_stack = static_cast<unsigned char*>(
      mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  CHECK(g_stack != MAP_FAILED);
  Report("nothing", [] {});
  Report("malloc", [] { g_block = malloc(100); });
  Report("large", [] { g_block = malloc(10 << 20); });
  Report("free", [] {
    free(g_block);
    g_block = nullptr;
  });
  Report("new", [] { g_block = ::operator new(100); });
  Report("delete", [] {
    ::operator delete(g_block);
    g_block = nullptr;
  });
  Report("calloc", [] { g_block = calloc(10, 100); });
  Report("realloc", [] { g_block = realloc(g_block, 50000); });
  ReportSignal();
  Report("dump", [] { Dump(); });
  Finish();
}
