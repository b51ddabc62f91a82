// SPDX-License-Identifier: Apache-2.0
#include "base/system/call_on_stack.h"

namespace heapprof {

__attribute__((naked)) void CallOnStack(void (*)(void*), void*, void*) {
  // rdi = function, rsi = argument, rdx = stack top. rbp holds the old stack over the call, so that the CFA
  // stays known to unwinders.
  asm volatile(
      "pushq %rbp\n\t"
      ".cfi_adjust_cfa_offset 8\n\t"
      ".cfi_rel_offset %rbp, 0\n\t"
      "movq %rsp, %rbp\n\t"
      ".cfi_def_cfa_register %rbp\n\t"
      "movq %rdx, %rsp\n\t"
      "movq %rdi, %rax\n\t"
      "movq %rsi, %rdi\n\t"
      "callq *%rax\n\t"
      "leave\n\t"
      ".cfi_def_cfa %rsp, 8\n\t"
      "retq");
}

}  // namespace heapprof
