// SPDX-License-Identifier: Apache-2.0
// The DWARF numbers of the Arm ABI (aadwarf64, 4.1), and what of them a walk needs.
//
// The column of the return address is x30's. Here it has a number of its own, the pc's: that the row keeps it
// means that it is still in x30, which is known of the first frame of a walk alone.
//
// In a namespace of its own, so that what stands on it is tested on any machine. Thread-safety,
// signal-safety: constants. Allocates: never.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_REGISTERS_AARCH64_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_REGISTERS_AARCH64_H_

#include <stdint.h>

namespace heapprof::unwind::aarch64 {

inline constexpr uint64_t kX19 = 19, kX29 = 29, kX30 = 30, kSp = 31, kReturnAddress = 32;
inline constexpr uint64_t kStackPointer = kSp, kFramePointer = kX29;
// The pc is the last one.
inline constexpr uint64_t kRegisterCount = 33;
using RegisterSet = uint64_t;

inline constexpr RegisterSet kLostByCall = RegisterSet{1} << kX30;

inline constexpr int64_t kCfaOfCallee = 0;  // the CFA at a function's first instruction: sp

// Those that a callee keeps, and the return address.
inline constexpr uint64_t kKeptRegisters[] = {kX19,          20, 21, 22, 23, 24, 25, 26, 27, 28, kX29, kSp,
                                              kReturnAddress};
// Their index; -1: of no other.
inline constexpr int KeptSlot(uint64_t number) {
  if (number >= kX19 && number <= kX29) return static_cast<int>(number - kX19);
  if (number == kSp || number == kReturnAddress) return static_cast<int>(number - kSp + 11);
  return -1;
}

// Instructions that say nothing of where a register is: DW_CFA_AARCH64_negate_ra_state, and the same with the
// pc as a modifier. What they say is that the return address is signed, or is not any more; the signature is
// taken off whether there is one or not.
inline constexpr bool IsInstructionWithoutEffect(uint8_t opcode) { return opcode == 0x2d || opcode == 0x2c; }

constexpr uintptr_t kUserEnd = uintptr_t{1} << 48;

// Pointer authentication puts its code above the 48 bits of an address.
constexpr uintptr_t StripAuthentication(uintptr_t pointer) { return pointer & (kUserEnd - 1); }

}  // namespace heapprof::unwind::aarch64

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_REGISTERS_AARCH64_H_
