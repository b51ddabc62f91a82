#include "sampling/unwind/cfi_program.h"

namespace heapprof::unwind {
namespace {

constexpr uint64_t kRbp = 6, kRsp = 7;  // DWARF numbers of the x86-64 psABI

// Call frame instructions, DWARF 5 table 7.29, and GNU's.
enum : uint8_t {
  kAdvanceLoc = 0x40,
  kOffset = 0x80,
  kRestore = 0xc0,
  kNop = 0x00,
  kSetLoc = 0x01,
  kAdvanceLoc1 = 0x02,
  kAdvanceLoc2 = 0x03,
  kAdvanceLoc4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefCfa = 0x0c,
  kDefCfaRegister = 0x0d,
  kDefCfaOffset = 0x0e,
  kDefCfaExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSf = 0x11,
  kDefCfaSf = 0x12,
  kDefCfaOffsetSf = 0x13,
  kValOffset = 0x14,
  kValOffsetSf = 0x15,
  kValExpression = 0x16,
  kGnuArgsSize = 0x2e,
  kGnuNegativeOffset = 0x2f,
};

// DWARF expression operations that compilers and linkers use for a CFA.
enum : uint8_t { kOpDeref = 0x06, kOpBreg6 = 0x76 };

// The linker's expression for a PLT entry: rsp + 8 + ((rip & 15) >= n) * 8, n as DW_OP_lit<n>.
constexpr uint8_t kPltHead[] = {0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a};  // breg7 8, breg16 0, lit15, and
constexpr uint8_t kPltTail[] = {0x2a, 0x33, 0x24, 0x22};              // ge, lit3, shl, plus
constexpr uint8_t kOpLit0 = 0x30, kOpLit15 = 0x3f;

}  // namespace

bool CfiProgram::RunCie(CfiReader instructions) {
  bool good = Run(instructions, 0, UINTPTR_MAX);
  initial_ = row_;
  return good;
}

bool CfiProgram::RunFde(CfiReader instructions, uintptr_t start, uintptr_t pc) {
  return Run(instructions, start, pc);
}

bool CfiProgram::Run(CfiReader reader, uintptr_t location, uintptr_t pc) {
  while (reader.more()) {
    uint8_t opcode = reader.Fixed<uint8_t>();
    uint64_t operand = opcode & 0x3f;
    uint64_t advance = 0;
    switch (opcode & 0xc0) {
      case kAdvanceLoc:
        advance = operand;
        break;
      case kOffset:
        Set(operand, {Where::kAtCfa, static_cast<int64_t>(reader.Uleb()) * factors_.data});
        continue;
      case kRestore:
        if (operand == kRbp) row_.fp = initial_.fp;
        if (operand == factors_.return_register) row_.return_address = initial_.return_address;
        continue;
      default:
        switch (opcode) {
          case kAdvanceLoc1:
            advance = reader.Fixed<uint8_t>();
            break;
          case kAdvanceLoc2:
            advance = reader.Fixed<uint16_t>();
            break;
          case kAdvanceLoc4:
            advance = reader.Fixed<uint32_t>();
            break;
          default:
            if (!RunExtended(opcode, &reader)) return false;
            continue;
        }
    }
    if (reader.failed()) return false;
    location += advance * factors_.code;
    if (location > pc) return true;
  }
  return !reader.failed();
}

bool CfiProgram::RunExtended(uint8_t opcode, CfiReader* reader) {
  switch (opcode) {
    case kNop:
      return true;
    case kOffsetExtended:
    case kOffsetExtendedSf:
    case kGnuNegativeOffset: {
      uint64_t number = reader->Uleb();
      int64_t factored = opcode == kOffsetExtendedSf ? reader->Sleb() : static_cast<int64_t>(reader->Uleb());
      if (opcode == kGnuNegativeOffset) factored = -factored;
      Set(number, {Where::kAtCfa, factored * factors_.data});
      return true;
    }
    case kRestoreExtended: {
      uint64_t number = reader->Uleb();
      if (number == kRbp) row_.fp = initial_.fp;
      if (number == factors_.return_register) row_.return_address = initial_.return_address;
      return true;
    }
    case kUndefined:
      Set(reader->Uleb(), {Where::kUndefined, 0});
      return true;
    case kSameValue:
      Set(reader->Uleb(), {Where::kSame, 0});
      return true;
    case kRegister: {
      uint64_t number = reader->Uleb();
      reader->Uleb();
      Set(number, {Where::kOther, 0});
      return true;
    }
    case kRememberState:
      if (depth_ == kMaxDepth) return false;
      saved_[depth_++] = row_;
      return true;
    case kRestoreState:
      if (depth_ == 0) return false;
      row_ = saved_[--depth_];
      return true;
    case kDefCfa:
    case kDefCfaSf:
      row_.cfa_register = reader->Uleb();
      row_.cfa_offset =
          opcode == kDefCfa ? static_cast<int64_t>(reader->Uleb()) : reader->Sleb() * factors_.data;
      row_.cfa_expression = 0;
      return true;
    case kDefCfaRegister:
      row_.cfa_register = reader->Uleb();
      row_.cfa_expression = 0;
      return true;
    case kDefCfaOffset:
      row_.cfa_offset = static_cast<int64_t>(reader->Uleb());
      return true;
    case kDefCfaOffsetSf:
      row_.cfa_offset = reader->Sleb() * factors_.data;
      return true;
    case kDefCfaExpression: {
      uint64_t size = reader->Uleb();
      row_.cfa_expression = reader->at();
      reader->Skip(size);
      row_.cfa_expression_end = reader->at();
      return true;
    }
    case kExpression:
      SetExpression(reader->Uleb(), reader);
      return true;
    case kValExpression: {
      uint64_t number = reader->Uleb();
      reader->Skip(reader->Uleb());
      Set(number, {Where::kOther, 0});
      return true;
    }
    case kValOffset:
    case kValOffsetSf: {
      uint64_t number = reader->Uleb();
      reader->Uleb();
      Set(number, {Where::kOther, 0});
      return true;
    }
    case kGnuArgsSize:
      reader->Uleb();
      return true;
    default:  // kSetLoc does not occur in position-independent tables; the rest is unknown
      return false;
  }
}

void CfiProgram::Set(uint64_t number, Register value) {
  if (number == kRbp) row_.fp = value;
  if (number == factors_.return_register) row_.return_address = value;
}

// A register saved at rbp + n: what GCC says of rbp itself in a realigned frame.
void CfiProgram::SetExpression(uint64_t number, CfiReader* reader) {
  uint64_t size = reader->Uleb();
  uintptr_t begin = reader->at();
  reader->Skip(size);
  if (reader->failed()) return;
  CfiReader expression(begin, reader->at());
  Register value = {Where::kOther, 0};
  if (expression.Fixed<uint8_t>() == kOpBreg6) {
    int64_t offset = expression.Sleb();
    if (!expression.failed() && !expression.more()) value = {Where::kAtFp, offset};
  }
  Set(number, value);
}

Rule CfiProgram::ToRule() const {
  if (row_.return_address.where == Where::kUndefined) return Rule::Of(Rule::kEnd);
  if (row_.return_address.where != Where::kAtCfa || row_.return_address.offset != -8) {
    return Rule::Of(Rule::kNoRule);
  }
  Rule::Kind kind = Rule::kNoRule;
  int64_t a = row_.cfa_offset;
  if (row_.cfa_expression != 0) {
    CfiReader expression(row_.cfa_expression, row_.cfa_expression_end);
    const auto* bytes = reinterpret_cast<const uint8_t*>(row_.cfa_expression);
    uint64_t size = row_.cfa_expression_end - row_.cfa_expression;
    constexpr uint64_t kHead = sizeof(kPltHead), kTail = sizeof(kPltTail);
    if (size == kHead + 1 + kTail && memcmp(bytes, kPltHead, kHead) == 0 &&
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
  } else if (row_.cfa_register == kRsp) {
    kind = Rule::kSp;
  } else if (row_.cfa_register == kRbp) {
    kind = Rule::kFp;
  }
  if (a < INT32_MIN || a > INT32_MAX) kind = Rule::kNoRule;
  if (kind == Rule::kNoRule) return Rule::Of(Rule::kNoRule);

  Rule rule = Rule::Of(kind, static_cast<int32_t>(a));
  switch (row_.fp.where) {
    case Where::kSame:
    case Where::kUndefined:  // a frame that has no more use for its caller's rbp; pass on what there is
      return rule;
    case Where::kAtCfa:
    case Where::kAtFp:
      if (rule.SetFpSaved(row_.fp.offset, row_.fp.where == Where::kAtFp)) return rule;
      return Rule::Of(Rule::kNoRule);
    case Where::kOther:
      break;
  }
  return Rule::Of(Rule::kNoRule);
}

}  // namespace heapprof::unwind
