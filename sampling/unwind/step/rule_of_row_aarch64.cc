// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/step/rule_of_row.h"

namespace heapprof::unwind {

Rule RuleOfRow(const CfiRow& row) {
  // The vdso's; newer kernels have no table for it. Its code tells what it is.
  if (row.signal_frame) return Rule::Of(Rule::kNoCfi);
  const CfiRegister& link = *row.of(kReturnAddress);
  if (link.where == CfiRegister::kUndefined) return Rule::Of(Rule::kEnd);
  const bool by_sp = row.cfa_register == kSp, by_fp = row.cfa_register == kX29;
  if (row.cfa_expression != 0 || (!by_sp && !by_fp) || row.cfa_offset < INT32_MIN ||
      row.cfa_offset > INT32_MAX || row.of(kSp)->where != CfiRegister::kSame) {
    return Rule::Of(Rule::kNoRule);
  }
  Rule rule = Rule::Of(by_sp ? Rule::kSp : Rule::kFp, static_cast<int32_t>(row.cfa_offset));
  const CfiRegister& fp = *row.of(kX29);
  const bool fp_kept = fp.where == CfiRegister::kSame || fp.where == CfiRegister::kUndefined;
  const bool fits = (link.where == CfiRegister::kSame ||
                     (link.where == CfiRegister::kAtCfa && rule.SetLinkSaved(link.value))) &&
                    (fp_kept || (fp.where == CfiRegister::kAtCfa && rule.SetFpSaved(fp.value)));
  return fits ? rule : Rule::Of(Rule::kNoRule);
}

}  // namespace heapprof::unwind
