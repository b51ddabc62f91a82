// SPDX-License-Identifier: Apache-2.0
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "tools/dump/thread_call.h"

namespace heapprof::tools {

const long kEpollWait = SYS_epoll_wait;

bool ReadRegisters(pid_t thread, user_regs_struct* registers) {
  return ptrace(PTRACE_GETREGS, thread, nullptr, registers) == 0;
}

bool WriteRegisters(pid_t thread, const user_regs_struct& registers) {
  return ptrace(PTRACE_SETREGS, thread, nullptr, &registers) == 0;
}

user_regs_struct WithCall(const user_regs_struct& saved, uint64_t instruction, long number,
                          const std::array<uint64_t, 4>& arguments) {
  user_regs_struct call = saved;
  call.rip = instruction;
  call.rax = static_cast<uint64_t>(number);
  call.orig_rax = ~uint64_t{0};  // the call that was interrupted is not to be restarted now
  call.rdi = arguments[0];
  call.rsi = arguments[1];
  call.rdx = arguments[2];
  call.r10 = arguments[3];
  return call;
}

uint64_t ResultOf(const user_regs_struct& registers) { return registers.rax; }

size_t OffsetOfSystemCall(const unsigned char* code, size_t size) {
  for (size_t i = 0; i + 1 < size; ++i) {
    if (code[i] == 0x0f && code[i + 1] == 0x05) return i;
  }
  return size;
}

}  // namespace heapprof::tools
