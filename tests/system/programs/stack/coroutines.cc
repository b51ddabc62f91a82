// SPDX-License-Identifier: Apache-2.0
// 16 KiB coroutine stacks with guard pages on both sides: allocation, exceptions, long jumps and dumps on
// them, from the main thread and from another.
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/system/programs/churn.h"

namespace {

constexpr size_t kPage = 4096, kStack = 16 << 10;
constexpr int kCoroutines = 50, kTurns = 20;

NOINLINE void* alloc_in_turn(size_t size) { return malloc(size); }

NOINLINE void Throw(int depth) {
  free(alloc_in_turn(64));
  if (depth == 0) throw std::runtime_error("on a small stack");
  if (depth > 0) Throw(depth - 1);
}

NOINLINE void Jump(jmp_buf* back, int depth) {
  void* volatile block = alloc_in_turn(100);
  free(block);
  if (depth == 0) longjmp(*back, 1);
  if (depth > 0) Jump(back, depth - 1);
}

NOINLINE void JumpAndReturn() {
  jmp_buf back;
  if (setjmp(back) == 0) Jump(&back, 5);
}

class Coroutine {
 public:
  explicit Coroutine(ucontext_t* home) : home_(home) {
    memory_ =
        static_cast<char*>(mmap(nullptr, kStack + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(memory_ != MAP_FAILED);
    CHECK(mprotect(memory_ + kPage, kStack, PROT_READ | PROT_WRITE) == 0);
    CHECK(getcontext(&context_) == 0);
    context_.uc_stack.ss_sp = memory_ + kPage;
    context_.uc_stack.ss_size = kStack;
    context_.uc_link = home;
    const auto self = reinterpret_cast<uintptr_t>(this);
    makecontext(&context_, reinterpret_cast<void (*)()>(Run), 2, static_cast<unsigned>(self >> 32),
                static_cast<unsigned>(self));
  }
  ~Coroutine() { munmap(memory_, kStack + 2 * kPage); }
  void Turn() { CHECK(swapcontext(home_, &context_) == 0); }

 private:
  static void Run(unsigned high, unsigned low) {
    reinterpret_cast<Coroutine*>(uintptr_t{high} << 32 | low)->Body();
  }
  void Body() {
    void* held = nullptr;
    for (int turn = 0; turn < kTurns; ++turn) {
      free(held);
      held = alloc_in_turn(100 + static_cast<size_t>(turn));
      CHECK(held != nullptr);
      if (turn % 5 == 1) JumpAndReturn();
      if (turn % 10 == 2) {
        try {
          Throw(3);
        } catch (const std::runtime_error&) {
        }
      }
      if (turn == kTurns / 2) DumpBySignal();
      CHECK(swapcontext(&context_, home_) == 0);
    }
    free(held);
  }

  ucontext_t* home_;
  ucontext_t context_;
  char* memory_;
};

void RunAll(int count) {
  ucontext_t home;
  std::vector<Coroutine*> all;
  for (int i = 0; i < count; ++i) all.push_back(new Coroutine(&home));
  for (int turn = 0; turn <= kTurns; ++turn) {
    for (Coroutine* coroutine : all) coroutine->Turn();
  }
  for (Coroutine* coroutine : all) delete coroutine;
}

}  // namespace

int main() {
  RunAll(kCoroutines);
  std::thread(RunAll, 5).join();
  JumpAndReturn();
  Dump();
  Finish();
}
