// SPDX-License-Identifier: Apache-2.0
// Runs call frame instructions up to a PC and keeps the row reached there.
//
// Thread-safety: an object belongs to one thread. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_CFI_PROGRAM_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_CFI_PROGRAM_H_

#include <stdint.h>

#include "sampling/unwind/cfi/cfi_reader.h"
#include "sampling/unwind/cfi/cfi_row.h"

namespace heapprof::unwind {

// What a CIE says of the instructions of its FDEs.
struct CfiFactors {
  uint64_t code = 1;
  int64_t data = 1;
  uint64_t return_register = kReturnAddress;
  uint8_t pointer_encoding = 0;  // of the locations that the FDEs name
  PointerBases bases;
};

class CfiProgram {
 public:
  explicit CfiProgram(const CfiFactors& factors) : factors_(factors) {}

  // The CIE's initial instructions. False: something in them is unknown.
  bool RunCie(CfiReader instructions);
  // The FDE's, from `start`, the function's, to the row that holds `pc`.
  bool RunFde(CfiReader instructions, uintptr_t start, uintptr_t pc);

  const CfiRow& row() const { return row_; }

 private:
  bool Run(CfiReader instructions, uintptr_t location, uintptr_t pc);
  bool RunExtended(uint8_t opcode, CfiReader* reader);
  // value * data factor; nonsense may overflow, and stays nonsense.
  int64_t Factored(int64_t value) const {
    return static_cast<int64_t>(static_cast<uint64_t>(value) * static_cast<uint64_t>(factors_.data));
  }
  void Set(uint64_t number, CfiRegister value);
  void SetExpression(uint64_t number, CfiRegister::Where where, CfiReader* reader);
  void Restore(uint64_t number);

  static constexpr int kMaxDepth = 4;
  CfiFactors factors_;
  CfiRow row_, initial_, saved_[kMaxDepth];
  int depth_ = 0;
  uintptr_t function_ = 0;
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_CFI_PROGRAM_H_
