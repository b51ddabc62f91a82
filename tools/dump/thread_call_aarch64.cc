// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include <cstring>

#include "tools/dump/thread_call.h"

namespace heapprof::tools {

const long kEpollWait = -2;

bool ReadRegisters(pid_t thread, user_regs_struct* registers) {
  iovec all = {registers, sizeof(*registers)};
  return ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &all) == 0;
}

bool WriteRegisters(pid_t thread, const user_regs_struct& registers) {
  iovec all = {const_cast<user_regs_struct*>(&registers), sizeof(registers)};
  return ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &all) == 0;
}

// The kernel restarts a call that was interrupted where it finds the pc as it left it, and not here.
user_regs_struct WithCall(const user_regs_struct& saved, uint64_t instruction, long number,
                          const std::array<uint64_t, 4>& arguments) {
  constexpr size_t kNumber = 8;
  user_regs_struct call = saved;
  call.pc = instruction;
  call.regs[kNumber] = static_cast<uint64_t>(number);
  for (size_t i = 0; i < arguments.size(); ++i) call.regs[i] = arguments[i];
  return call;
}

uint64_t ResultOf(const user_regs_struct& registers) { return registers.regs[0]; }

size_t OffsetOfSystemCall(const unsigned char* code, size_t size) {
  constexpr uint32_t kSvc = 0xd4000001;
  uint32_t instruction;
  for (size_t i = 0; i + sizeof(instruction) <= size; i += sizeof(instruction)) {
    std::memcpy(&instruction, code + i, sizeof(instruction));
    if (instruction == kSvc) return i;
  }
  return size;
}

}  // namespace heapprof::tools
