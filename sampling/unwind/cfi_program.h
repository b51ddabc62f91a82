// Runs call frame instructions up to a PC and keeps the row reached there.
//
// Thread-safety: an object belongs to one thread. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_PROGRAM_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_PROGRAM_H_

#include <stdint.h>

#include "sampling/unwind/cfi_reader.h"
#include "sampling/unwind/rule.h"

namespace heapprof::unwind {

struct CfiFactors {
  uint64_t code = 1;
  int64_t data = 1;
  uint64_t return_register = 16;
};

class CfiProgram {
 public:
  explicit CfiProgram(const CfiFactors& factors) : factors_(factors) {}

  // The CIE's initial instructions. False: something in them is unknown.
  bool RunCie(CfiReader instructions);
  // The FDE's, from `start` to the row that holds `pc`.
  bool RunFde(CfiReader instructions, uintptr_t start, uintptr_t pc);
  // The row in one word; kNoRule where it does not fit one.
  Rule ToRule() const;

 private:
  enum class Where : uint8_t { kSame, kUndefined, kAtCfa, kAtFp, kOther };
  struct Register {
    Where where = Where::kSame;
    int64_t offset = 0;
  };
  struct Row {
    uint64_t cfa_register = 7;
    int64_t cfa_offset = 8;
    uintptr_t cfa_expression = 0, cfa_expression_end = 0;  // 0: register + offset
    Register fp, return_address;
  };

  bool Run(CfiReader instructions, uintptr_t location, uintptr_t pc);
  bool RunExtended(uint8_t opcode, CfiReader* reader);
  void Set(uint64_t number, Register value);
  void SetExpression(uint64_t number, CfiReader* reader);

  static constexpr int kMaxDepth = 8;
  CfiFactors factors_;
  Row row_, initial_, saved_[kMaxDepth];
  int depth_ = 0;
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_PROGRAM_H_
