// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/step/rule_of_row.h"

#include <stddef.h>
#include <string.h>
#include <ucontext.h>

#include "sampling/unwind/cfi/cfi_reader.h"

namespace heapprof::unwind {
namespace {

// DWARF expression operations that compilers and linkers use for a CFA and for rbp, and glibc for a signal's
// frame.
enum : uint8_t { kOpDeref = 0x06, kOpBreg6 = 0x76, kOpBreg7 = 0x77 };

// The linker's expression for a PLT entry: rsp + 8 + ((rip & 15) >= n) * 8, n as DW_OP_lit<n>.
constexpr uint8_t kPltHead[] = {0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a};  // breg7 8, breg16 0, lit15, and
constexpr uint8_t kPltTail[] = {0x2a, 0x33, 0x24, 0x22};              // ge, lit3, shl, plus
constexpr uint8_t kOpLit0 = 0x30, kOpLit15 = 0x3f;

CfiReader Expression(uintptr_t at, uint32_t size) { return {at, at + size}; }

// Kind and a of the CFA.
Rule CfaOfRow(const CfiRow& row) {
  int64_t a = row.cfa_offset;
  Rule::Kind kind = Rule::kNoRule;
  if (row.cfa_expression != 0) {
    CfiReader expression = Expression(row.cfa_expression, row.cfa_expression_size);
    const auto* bytes = reinterpret_cast<const uint8_t*>(row.cfa_expression);
    constexpr uint64_t kHead = sizeof(kPltHead), kTail = sizeof(kPltTail);
    if (row.cfa_expression_size == kHead + 1 + kTail && memcmp(bytes, kPltHead, kHead) == 0 &&
        memcmp(bytes + kHead + 1, kPltTail, kTail) == 0 && bytes[kHead] >= kOpLit0 &&
        bytes[kHead] <= kOpLit15) {
      kind = Rule::kPlt;
      a = bytes[kHead] - kOpLit0;
    } else if (expression.Fixed<uint8_t>() == kOpBreg6) {
      a = expression.Sleb();
      if (expression.Fixed<uint8_t>() == kOpDeref && !expression.failed() && !expression.more()) {
        kind = Rule::kFpDeref;
      }
    }
  } else if (row.cfa_register == kRsp) {
    kind = Rule::kSp;
  } else if (row.cfa_register == kRbp) {
    kind = Rule::kFp;
  }
  if (kind == Rule::kNoRule || a < INT32_MIN || a > INT32_MAX) return Rule::Of(Rule::kNoRule);
  return Rule::Of(kind, static_cast<int32_t>(a));
}

// Whether the expression is rsp + offset, and then the word there if `deref`.
bool IsStackWord(uintptr_t at, uint32_t size, int64_t offset, bool deref) {
  CfiReader expression = Expression(at, size);
  return expression.Fixed<uint8_t>() == kOpBreg7 && expression.Sleb() == offset &&
         (!deref || expression.Fixed<uint8_t>() == kOpDeref) && !expression.failed() && !expression.more();
}

// __restore_rt: rsp and rip come from the ucontext on top of the stack.
bool IsSignalReturn(const CfiRow& row) {
  constexpr auto place = [](int index) {
    return static_cast<int64_t>(offsetof(ucontext_t, uc_mcontext.gregs) +
                                static_cast<size_t>(index) * sizeof(uintptr_t));
  };
  const CfiRegister& pc = *row.of(kReturnAddress);
  return row.cfa_expression != 0 &&
         IsStackWord(row.cfa_expression, row.cfa_expression_size, place(REG_RSP), true) &&
         pc.where == CfiRegister::kAtExpression &&
         IsStackWord(static_cast<uintptr_t>(pc.value), pc.size, place(REG_RIP), false);
}

}  // namespace

Rule RuleOfRow(const CfiRow& row) {
  if (row.signal_frame) return Rule::Of(IsSignalReturn(row) ? Rule::kSignal : Rule::kNoRule);
  const CfiRegister& return_address = *row.of(kReturnAddress);
  if (return_address.where == CfiRegister::kUndefined) return Rule::Of(Rule::kEnd);
  if (return_address.where != CfiRegister::kAtCfa || return_address.value != -8 ||
      row.of(kRsp)->where != CfiRegister::kSame) {
    return Rule::Of(Rule::kNoRule);
  }
  Rule rule = CfaOfRow(row);
  if (rule.kind() == Rule::kNoRule) return rule;
  const CfiRegister& fp = *row.of(kRbp);
  switch (fp.where) {
    case CfiRegister::kSame:
    case CfiRegister::kUndefined:  // a frame that has no more use for its caller's rbp; pass on what there is
      return rule;
    case CfiRegister::kAtCfa:
      if (rule.SetFpSaved(fp.value, false)) return rule;
      break;
    case CfiRegister::kAtExpression: {
      // Saved at rbp + n: what GCC says of rbp itself in a realigned frame.
      CfiReader expression = Expression(static_cast<uintptr_t>(fp.value), fp.size);
      if (expression.Fixed<uint8_t>() != kOpBreg6) break;
      int64_t offset = expression.Sleb();
      if (!expression.failed() && !expression.more() && rule.SetFpSaved(offset, true)) return rule;
      break;
    }
    default:
      break;
  }
  return Rule::Of(Rule::kNoRule);
}

}  // namespace heapprof::unwind
