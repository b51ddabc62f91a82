// SPDX-License-Identifier: Apache-2.0
// One row of the table that call frame information describes: how, at one PC, the CFA and the caller's
// registers come out of the frame's (DWARF 5, 6.4.1). Registers have the DWARF numbers of registers.h.
//
// Thread-safety, signal-safety: plain data. Allocates: never.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_CFI_ROW_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_CFI_ROW_H_

#include <stdint.h>

#include "sampling/unwind/cfi/registers.h"

namespace heapprof::unwind {

struct CfiRegister {
  enum Where : uint8_t {
    kSame,          // the caller's is this frame's
    kUndefined,     // it is gone
    kAtCfa,         // *(CFA + value)
    kCfaPlus,       // CFA + value
    kInRegister,    // in the register of that number
    kAtExpression,  // *(what the expression gives with the CFA on its stack)
    kIsExpression,  // what it gives
  };
  Where where = kSame;
  uint32_t size = 0;  // of the expression
  int64_t value = 0;  // offset, number, or the expression's address
};

struct CfiRow {
  uint64_t cfa_register = kStackPointer;
  int64_t cfa_offset = kCfaOfCallee;
  uintptr_t cfa_expression = 0;  // 0: register + offset
  uint32_t cfa_expression_size = 0;
  bool signal_frame = false;  // the caller was interrupted: its PC is exact

  // The registers that a callee keeps, and the return address; a stack pointer that is kSame is the CFA.
  // nullptr for one whose rule nobody needs.
  CfiRegister* of(uint64_t number) {
    int slot = KeptSlot(number);
    return slot < 0 ? nullptr : &registers[slot];
  }
  const CfiRegister* of(uint64_t number) const { return const_cast<CfiRow*>(this)->of(number); }

  static constexpr auto& kKept = kKeptRegisters;
  CfiRegister registers[sizeof(kKeptRegisters) / sizeof(kKeptRegisters[0])];
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_CFI_ROW_H_
