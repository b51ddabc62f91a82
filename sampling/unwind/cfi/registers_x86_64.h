// SPDX-License-Identifier: Apache-2.0
// The DWARF numbers of the x86-64 psABI, and what of them a walk needs.
//
// Thread-safety, signal-safety: constants. Allocates: never.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_REGISTERS_X86_64_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_REGISTERS_X86_64_H_

#include <stdint.h>

namespace heapprof::unwind {

inline constexpr uint64_t kRbx = 3, kRbp = 6, kRsp = 7, kR12 = 12, kR15 = 15, kReturnAddress = 16;
inline constexpr uint64_t kStackPointer = kRsp, kFramePointer = kRbp;
// The pc is the last one.
inline constexpr uint64_t kRegisterCount = 17;
using RegisterSet = uint32_t;

inline constexpr RegisterSet kLostByCall = 0;

inline constexpr int64_t kCfaOfCallee = 8;  // the CFA at a function's first instruction: rsp + 8

// Those that a callee keeps, and the return address.
inline constexpr uint64_t kKeptRegisters[] = {kRbx, kRbp, kRsp, kR12, 13, 14, kR15, kReturnAddress};
// Their index; -1: of no other.
inline constexpr int KeptSlot(uint64_t number) {
  if (number >= kR12 && number <= kReturnAddress) return static_cast<int>(number - kR12 + 3);
  if (number == kRbp || number == kRsp) return static_cast<int>(number - kRbp + 1);
  return number == kRbx ? 0 : -1;
}

// Instructions that say nothing of where a register is.
inline constexpr bool IsInstructionWithoutEffect(uint8_t) { return false; }

constexpr uintptr_t kUserEnd = uintptr_t{1} << 47;

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_REGISTERS_X86_64_H_
