// SPDX-License-Identifier: Apache-2.0
// One row of the table that call frame information describes: how, at one PC, the CFA and the caller's
// registers come out of the frame's (DWARF 5, 6.4.1). Registers have the DWARF numbers of the x86-64 psABI.
//
// Thread-safety, signal-safety: plain data. Allocates: never.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_CFI_ROW_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_CFI_ROW_H_

#include <stdint.h>

namespace heapprof::unwind {

inline constexpr uint64_t kRbx = 3, kRbp = 6, kRsp = 7, kR12 = 12, kR15 = 15, kReturnAddress = 16;

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
  uint64_t cfa_register = kRsp;
  int64_t cfa_offset = 8;
  uintptr_t cfa_expression = 0;  // 0: register + offset
  uint32_t cfa_expression_size = 0;
  bool signal_frame = false;  // the caller was interrupted: its PC is exact

  // The registers that a callee keeps, and the return address; rsp that is kSame is the CFA. nullptr for one
  // whose rule nobody needs.
  CfiRegister* of(uint64_t number) {
    int slot = Slot(number);
    return slot < 0 ? nullptr : &registers[slot];
  }
  const CfiRegister* of(uint64_t number) const { return const_cast<CfiRow*>(this)->of(number); }

  static constexpr uint64_t kKept[] = {kRbx, kRbp, kRsp, kR12, 13, 14, kR15, kReturnAddress};
  CfiRegister registers[sizeof(kKept) / sizeof(kKept[0])];

 private:
  static int Slot(uint64_t number) {
    if (number >= kR12 && number <= kReturnAddress) return static_cast<int>(number - kR12 + 3);
    if (number == kRbp || number == kRsp) return static_cast<int>(number - kRbp + 1);
    return number == kRbx ? 0 : -1;
  }
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_CFI_ROW_H_
