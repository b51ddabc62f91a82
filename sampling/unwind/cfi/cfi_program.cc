// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/cfi/cfi_program.h"

namespace heapprof::unwind {
namespace {

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

}  // namespace

bool CfiProgram::RunCie(CfiReader instructions) {
  bool good = Run(instructions, 0, UINTPTR_MAX);
  initial_ = row_;
  return good;
}

bool CfiProgram::RunFde(CfiReader instructions, uintptr_t start, uintptr_t pc) {
  function_ = start;
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
        Set(operand, {CfiRegister::kAtCfa, 0, Factored(static_cast<int64_t>(reader.Uleb()))});
        continue;
      case kRestore:
        Restore(operand);
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
          case kSetLoc: {
            PointerBases bases = factors_.bases;
            bases.function = function_;
            location = reader.Pointer(factors_.pointer_encoding, bases);
            break;
          }
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
      if (opcode == kGnuNegativeOffset) factored = static_cast<int64_t>(0 - static_cast<uint64_t>(factored));
      Set(number, {CfiRegister::kAtCfa, 0, Factored(factored)});
      return true;
    }
    case kRestoreExtended:
      Restore(reader->Uleb());
      return true;
    case kUndefined:
      Set(reader->Uleb(), {CfiRegister::kUndefined});
      return true;
    case kSameValue:
      Set(reader->Uleb(), {CfiRegister::kSame});
      return true;
    case kRegister: {
      uint64_t number = reader->Uleb();
      Set(number, {CfiRegister::kInRegister, 0, static_cast<int64_t>(reader->Uleb())});
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
      row_.cfa_offset = opcode == kDefCfa ? static_cast<int64_t>(reader->Uleb()) : Factored(reader->Sleb());
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
      row_.cfa_offset = Factored(reader->Sleb());
      return true;
    case kDefCfaExpression: {
      uint64_t size = reader->Uleb();
      row_.cfa_expression = reader->at();
      row_.cfa_expression_size = static_cast<uint32_t>(size);
      reader->Skip(size);
      return true;
    }
    case kExpression: {
      uint64_t number = reader->Uleb();
      SetExpression(number, CfiRegister::kAtExpression, reader);
      return true;
    }
    case kValExpression: {
      uint64_t number = reader->Uleb();
      SetExpression(number, CfiRegister::kIsExpression, reader);
      return true;
    }
    case kValOffset:
    case kValOffsetSf: {
      uint64_t number = reader->Uleb();
      int64_t factored = opcode == kValOffset ? static_cast<int64_t>(reader->Uleb()) : reader->Sleb();
      Set(number, {CfiRegister::kCfaPlus, 0, Factored(factored)});
      return true;
    }
    case kGnuArgsSize:
      reader->Uleb();
      return true;
    default:
      return IsInstructionWithoutEffect(opcode);
  }
}

// The return address has a number of its own here, whatever the CIE calls it.
void CfiProgram::Set(uint64_t number, CfiRegister value) {
  if (number == factors_.return_register) number = kReturnAddress;
  if (CfiRegister* entry = row_.of(number)) *entry = value;
}

void CfiProgram::SetExpression(uint64_t number, CfiRegister::Where where, CfiReader* reader) {
  uint64_t size = reader->Uleb();
  uintptr_t begin = reader->at();
  reader->Skip(size);
  if (!reader->failed()) Set(number, {where, static_cast<uint32_t>(size), static_cast<int64_t>(begin)});
}

void CfiProgram::Restore(uint64_t number) {
  if (number == factors_.return_register) number = kReturnAddress;
  if (CfiRegister* entry = row_.of(number)) *entry = *initial_.of(number);
}

}  // namespace heapprof::unwind
