// SPDX-License-Identifier: Apache-2.0
// A signal stack of the smallest size that the kernel allows, with a guard page below it, for the calling
// thread.
#ifndef HEAPPROF_TESTS_SYSTEM_PROGRAMS_SIGNAL_STACK_H_
#define HEAPPROF_TESTS_SYSTEM_PROGRAMS_SIGNAL_STACK_H_

#include <sys/auxv.h>
#include <sys/mman.h>

#include <algorithm>

#include "tests/system/programs/program.h"

class SmallSignalStack {
 public:
  SmallSignalStack() {
    const size_t size = std::max<size_t>(getauxval(AT_MINSIGSTKSZ), MINSIGSTKSZ);
    room_ = (size + kPage - 1) / kPage * kPage;
    memory_ = static_cast<char*>(mmap(nullptr, room_ + kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(memory_ != MAP_FAILED && mprotect(memory_ + kPage, room_, PROT_READ | PROT_WRITE) == 0);
    stack_t stack{};
    stack.ss_sp = memory_ + kPage;  // its low end is the guard
    stack.ss_size = size;
    CHECK(sigaltstack(&stack, nullptr) == 0);
  }
  ~SmallSignalStack() {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&none, nullptr) == 0);
    munmap(memory_, room_ + kPage);
  }
  SmallSignalStack(const SmallSignalStack&) = delete;
  SmallSignalStack& operator=(const SmallSignalStack&) = delete;

 private:
  static constexpr size_t kPage = 4096;
  char* memory_;
  size_t room_;
};

#endif  // HEAPPROF_TESTS_SYSTEM_PROGRAMS_SIGNAL_STACK_H_
