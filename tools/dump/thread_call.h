// SPDX-License-Identifier: Apache-2.0
// The part of kernel_handler.h that knows the architecture: a system call in the registers of a thread under
// ptrace. Thread-safety: none is needed.
#ifndef HEAPPROF_TOOLS_DUMP_THREAD_CALL_H_
#define HEAPPROF_TOOLS_DUMP_THREAD_CALL_H_

#include <sys/types.h>
#include <sys/user.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace heapprof::tools {

// False: errno says why.
bool ReadRegisters(pid_t thread, user_regs_struct* registers);
bool WriteRegisters(pid_t thread, const user_regs_struct& registers);

// `saved`, about to make the call by the instruction at that address.
user_regs_struct WithCall(const user_regs_struct& saved, uint64_t instruction, long number,
                          const std::array<uint64_t, 4>& arguments);
// What it has returned.
uint64_t ResultOf(const user_regs_struct& registers);

// Where in a function's code the first instruction is that makes a system call; `size`: nowhere.
size_t OffsetOfSystemCall(const unsigned char* code, size_t size);

// Its number where there is such a call; -2: nowhere.
extern const long kEpollWait;

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_DUMP_THREAD_CALL_H_
