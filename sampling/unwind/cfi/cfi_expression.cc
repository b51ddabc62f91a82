// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/cfi/cfi_expression.h"

#include "sampling/unwind/cfi/cfi_reader.h"

namespace heapprof::unwind {
namespace {

// DWARF 5, table 7.9.
enum : uint8_t {
  kAddr = 0x03,
  kDeref = 0x06,
  kConst1u = 0x08,
  kConst1s = 0x09,
  kConst2u = 0x0a,
  kConst2s = 0x0b,
  kConst4u = 0x0c,
  kConst4s = 0x0d,
  kConst8u = 0x0e,
  kConst8s = 0x0f,
  kConstu = 0x10,
  kConsts = 0x11,
  kDup = 0x12,
  kDrop = 0x13,
  kOver = 0x14,
  kPick = 0x15,
  kSwap = 0x16,
  kRot = 0x17,
  kAbs = 0x19,
  kAnd = 0x1a,
  kDiv = 0x1b,
  kMinus = 0x1c,
  kMod = 0x1d,
  kMul = 0x1e,
  kNeg = 0x1f,
  kNot = 0x20,
  kOr = 0x21,
  kPlus = 0x22,
  kPlusUconst = 0x23,
  kShl = 0x24,
  kShr = 0x25,
  kShra = 0x26,
  kXor = 0x27,
  kBra = 0x28,
  kEq = 0x29,
  kGe = 0x2a,
  kGt = 0x2b,
  kLe = 0x2c,
  kLt = 0x2d,
  kNe = 0x2e,
  kSkip = 0x2f,
  kLit0 = 0x30,
  kLit31 = 0x4f,
  kReg0 = 0x50,
  kReg31 = 0x6f,
  kBreg0 = 0x70,
  kBreg31 = 0x8f,
  kRegx = 0x90,
  kBregx = 0x92,
  kDerefSize = 0x94,
  kNop = 0x96,
};

constexpr uintptr_t kWordBytes = sizeof(uintptr_t);

int64_t Signed(uintptr_t value) { return static_cast<int64_t>(value); }
uintptr_t Extended(int64_t value) { return static_cast<uintptr_t>(value); }

class Machine {
 public:
  Machine(const FullRegisters& registers, const WordReader& memory)
      : registers_(registers), memory_(memory) {}

  void Push(uintptr_t value) {
    if (top_ < kDepth) {
      stack_[top_++] = value;
    } else {
      good_ = false;
    }
  }
  // Runs the expression of `size` bytes at `at`. False: it has no result.
  bool Run(uintptr_t at, uint32_t size, uintptr_t* result);

 private:
  uintptr_t Pop() {
    if (top_ > 0) return stack_[--top_];
    good_ = false;
    return 0;
  }
  // The `depth`th from the top.
  uintptr_t Pick(uint32_t depth) {
    if (depth < top_) return stack_[top_ - 1 - depth];
    good_ = false;
    return 0;
  }
  void PushRegister(uint64_t number, int64_t offset) {
    good_ = good_ && registers_.Knows(number);
    Push(good_ ? registers_.value[number] + Extended(offset) : 0);
  }
  // Each false: the operator is another, or fails.
  bool Constant(uint8_t op, CfiReader* reader);
  bool Arithmetic(uint8_t op);
  bool Other(uint8_t op, CfiReader* reader);

  static constexpr uint32_t kDepth = 16;
  const FullRegisters& registers_;
  const WordReader& memory_;
  uintptr_t stack_[kDepth];
  uint32_t top_ = 0;  // how many values there are
  bool good_ = true;
};

bool Machine::Constant(uint8_t op, CfiReader* reader) {
  switch (op) {
    case kAddr:
    case kConst8u:
    case kConst8s:
      Push(reader->Fixed<uint64_t>());
      return true;
    case kConst1u:
      Push(reader->Fixed<uint8_t>());
      return true;
    case kConst1s:
      Push(Extended(reader->Fixed<int8_t>()));
      return true;
    case kConst2u:
      Push(reader->Fixed<uint16_t>());
      return true;
    case kConst2s:
      Push(Extended(reader->Fixed<int16_t>()));
      return true;
    case kConst4u:
      Push(reader->Fixed<uint32_t>());
      return true;
    case kConst4s:
      Push(Extended(reader->Fixed<int32_t>()));
      return true;
    case kConstu:
      Push(reader->Uleb());
      return true;
    case kConsts:
      Push(Extended(reader->Sleb()));
      return true;
    default:
      return false;
  }
}

// Operators of two values.
bool Machine::Arithmetic(uint8_t op) {
  const uintptr_t right = Pop(), left = Pop();
  switch (op) {
    case kDiv:
      if (right == 0) return false;
      Push(right == UINTPTR_MAX ? 0 - left : Extended(Signed(left) / Signed(right)));
      return true;
    case kMod:
      if (right == 0) return false;
      Push(left % right);
      return true;
    case kAnd:
      Push(left & right);
      return true;
    case kMinus:
      Push(left - right);
      return true;
    case kMul:
      Push(left * right);
      return true;
    case kOr:
      Push(left | right);
      return true;
    case kPlus:
      Push(left + right);
      return true;
    case kShl:
      Push(right < 64 ? left << right : 0);
      return true;
    case kShr:
      Push(right < 64 ? left >> right : 0);
      return true;
    case kShra:
      Push(Extended(Signed(left) >> (right < 63 ? right : 63)));
      return true;
    case kXor:
      Push(left ^ right);
      return true;
    case kEq:
      Push(left == right);
      return true;
    case kGe:
      Push(Signed(left) >= Signed(right));
      return true;
    case kGt:
      Push(Signed(left) > Signed(right));
      return true;
    case kLe:
      Push(Signed(left) <= Signed(right));
      return true;
    case kLt:
      Push(Signed(left) < Signed(right));
      return true;
    case kNe:
      Push(left != right);
      return true;
    default:
      return false;
  }
}

bool IsArithmetic(uint8_t op) {
  return op >= kAnd && op <= kNe && op != kNeg && op != kNot && op != kPlusUconst && op != kBra;
}

bool Machine::Other(uint8_t op, CfiReader* reader) {
  switch (op) {
    case kDeref: {
      uintptr_t value;
      if (!memory_.Read(Pop(), &value)) return false;
      Push(value);
      return true;
    }
    case kDerefSize: {  // within one word of the stack
      const uint64_t bytes = reader->Fixed<uint8_t>();
      const uintptr_t address = Pop(), begin = address % kWordBytes;
      uintptr_t value;
      if (bytes == 0 || begin + bytes > kWordBytes || !memory_.Read(address - begin, &value)) return false;
      Push(value << 8 * (kWordBytes - begin - bytes) >> 8 * (kWordBytes - bytes));
      return true;
    }
    case kDup: {
      const uintptr_t value = Pop();
      Push(value);
      Push(value);
      return true;
    }
    case kDrop:
      Pop();
      return true;
    case kOver:
      Push(Pick(1));
      return true;
    case kPick:
      Push(Pick(reader->Fixed<uint8_t>()));
      return true;
    case kSwap: {
      const uintptr_t first = Pop(), second = Pop();
      Push(first);
      Push(second);
      return true;
    }
    case kRot: {  // the top becomes the third
      const uintptr_t first = Pop(), second = Pop(), third = Pop();
      Push(first);
      Push(third);
      Push(second);
      return true;
    }
    case kAbs: {
      const uintptr_t value = Pop();
      Push(Signed(value) < 0 ? 0 - value : value);
      return true;
    }
    case kNeg:
      Push(0 - Pop());
      return true;
    case kNot:
      Push(~Pop());
      return true;
    case kPlusUconst:
      Push(Pop() + reader->Uleb());
      return true;
    case kRegx:
      PushRegister(reader->Uleb(), 0);
      return true;
    case kBregx: {
      const uint64_t number = reader->Uleb();
      PushRegister(number, reader->Sleb());
      return true;
    }
    case kNop:
      return true;
    default:
      return Constant(op, reader);
  }
}

bool Machine::Run(uintptr_t at, uint32_t size, uintptr_t* result) {
  int operations_left = 1000;  // of an expression that jumps back
  for (CfiReader reader(at, at + size); good_ && reader.more();) {
    if (--operations_left < 0) return false;
    const uint8_t op = reader.Fixed<uint8_t>();
    if (op >= kLit0 && op <= kLit31) {
      Push(op - kLit0);
    } else if (op >= kBreg0 && op <= kBreg31) {
      PushRegister(op - kBreg0, reader.Sleb());
    } else if (op >= kReg0 && op <= kReg31) {
      PushRegister(op - kReg0, 0);
    } else if (IsArithmetic(op)) {
      if (!Arithmetic(op)) return false;
    } else if (op == kBra || op == kSkip) {
      const uintptr_t distance = Extended(reader.Fixed<int16_t>());
      if (op == kSkip || Pop() != 0) {
        const uintptr_t target = reader.at() + distance;
        if (reader.failed() || target < at || target > at + size) return false;
        reader = CfiReader(target, at + size);
      }
    } else if (!Other(op, &reader)) {
      return false;
    }
    if (reader.failed()) return false;
  }
  if (!good_ || top_ == 0) return false;
  *result = stack_[top_ - 1];
  return true;
}

}  // namespace

bool EvaluateExpression(uintptr_t at, uint32_t size, const FullRegisters& registers, const uintptr_t* cfa,
                        const WordReader& memory, uintptr_t* result) {
  Machine machine(registers, memory);
  if (cfa != nullptr) machine.Push(*cfa);
  return machine.Run(at, size, result);
}

}  // namespace heapprof::unwind
