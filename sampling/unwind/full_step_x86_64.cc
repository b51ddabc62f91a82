#include "sampling/unwind/full_step_x86_64.h"

#include "sampling/unwind/cfi_reader.h"

namespace heapprof::unwind {
namespace {

bool ValueOf(const CfiRegister& rule, uint64_t number, uintptr_t cfa, const FullRegisters& frame,
             const WordReader& memory, uintptr_t* value) {
  switch (rule.where) {
    case CfiRegister::kSame:
      *value = frame.value[number];
      return frame.Knows(number);
    case CfiRegister::kAtCfa:
      return memory.Read(cfa + static_cast<uintptr_t>(rule.value), value);
    case CfiRegister::kCfaPlus:
      *value = cfa + static_cast<uintptr_t>(rule.value);
      return true;
    case CfiRegister::kInRegister: {
      auto other = static_cast<uint64_t>(rule.value);
      if (!frame.Knows(other)) return false;
      *value = frame.value[other];
      return true;
    }
    case CfiRegister::kAtExpression:
    case CfiRegister::kIsExpression: {
      uintptr_t result;
      if (!EvaluateExpression(static_cast<uintptr_t>(rule.value), rule.size, frame, &cfa, memory, &result)) {
        return false;
      }
      if (rule.where == CfiRegister::kAtExpression) return memory.Read(result, value);
      *value = result;
      return true;
    }
    case CfiRegister::kUndefined:
      break;
  }
  return false;
}

}  // namespace

bool FullRegisters::SetFromContext(uintptr_t address, const WordReader& memory) {
  // In the order of DWARF: rax rdx rcx rbx rsi rdi rbp rsp r8-r15 rip.
  constexpr int kIndex[kCount] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                  REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  for (uint64_t number = 0; number < kCount; ++number) {
    uintptr_t word =
        address + offsetof(ucontext_t, uc_mcontext.gregs) + static_cast<uintptr_t>(kIndex[number]) * kWord;
    uintptr_t read;
    if (!memory.Read(word, &read)) return false;
    Set(number, read);
  }
  return true;
}

Step StepByRow(const CfiRow& row, FullRegisters* registers, const WordReader& memory) {
  const FullRegisters& frame = *registers;
  const CfiRegister& return_address = *row.of(kReturnAddress);
  if (return_address.where == CfiRegister::kUndefined) return Step::kEnd;
  uintptr_t cfa;
  if (row.cfa_expression != 0) {
    if (!EvaluateExpression(row.cfa_expression, row.cfa_expression_size, frame, nullptr, memory, &cfa)) {
      return Step::kLost;
    }
  } else {
    if (!frame.Knows(row.cfa_register)) return Step::kLost;
    cfa = frame.value[row.cfa_register] + static_cast<uintptr_t>(row.cfa_offset);
  }
  FullRegisters caller;
  for (uint64_t number : CfiRow::kKept) {
    uintptr_t value;
    if (number == kRsp && row.of(kRsp)->where == CfiRegister::kSame) {
      caller.Set(kRsp, cfa);
    } else if (ValueOf(*row.of(number), number, cfa, frame, memory, &value))
      caller.Set(number, value);
  }
  if (return_address.where == CfiRegister::kSame || !caller.Knows(kReturnAddress) || !caller.Knows(kRsp)) {
    return Step::kLost;
  }
  // A frame that does not lie above the one it called would make an endless walk. The ends of longjmp and of
  // an exception's landing have restored rsp already, and the way back is in a register.
  const bool may_stay =
      row.of(kRsp)->where != CfiRegister::kSame || return_address.where == CfiRegister::kInRegister;
  const uintptr_t from = frame.value[kRsp], to = caller.value[kRsp];
  if (to < from || (to == from && !may_stay)) return Step::kLost;
  *registers = caller;
  return caller.value[kReturnAddress] == 0 ? Step::kEnd : Step::kCalled;
}

bool EvaluateExpression(uintptr_t at, uint32_t size, const FullRegisters& registers, const uintptr_t* cfa,
                        const WordReader& memory, uintptr_t* result) {
  constexpr uint32_t kDepth = 16;
  uintptr_t stack[kDepth];
  uint32_t top = 0;  // how many there are
  bool good = true;
  auto push = [&](uintptr_t value) {
    if (top < kDepth) {
      stack[top++] = value;
    } else {
      good = false;
    }
  };
  auto pop = [&]() -> uintptr_t {
    if (top > 0) return stack[--top];
    good = false;
    return 0;
  };
  auto as_signed = [](uintptr_t value) { return static_cast<int64_t>(value); };
  if (cfa != nullptr) push(*cfa);
  // Without jumps, so that it ends: each operation takes a byte.
  for (CfiReader reader(at, at + size); good && reader.more();) {
    const uint8_t op = reader.Fixed<uint8_t>();
    if (op >= 0x30 && op <= 0x4f) {  // lit0-31
      push(op - 0x30);
      continue;
    }
    if (op >= 0x70 && op <= 0x8f) {  // breg0-31
      const int64_t offset = reader.Sleb();
      const uint64_t number = op - 0x70;
      if (!registers.Knows(number)) return false;
      push(registers.value[number] + static_cast<uintptr_t>(offset));
      continue;
    }
    if (op >= 0x1a && op <= 0x2e && op != 0x1f && op != 0x20 && op != 0x23 && op != 0x28) {
      const uintptr_t right = pop(), left = pop();
      switch (op) {
        case 0x1a:  // and
          push(left & right);
          break;
        case 0x1c:  // minus
          push(left - right);
          break;
        case 0x1e:  // mul
          push(left * right);
          break;
        case 0x21:  // or
          push(left | right);
          break;
        case 0x22:  // plus
          push(left + right);
          break;
        case 0x24:  // shl
          push(right < 64 ? left << right : 0);
          break;
        case 0x25:  // shr
          push(right < 64 ? left >> right : 0);
          break;
        case 0x26:  // shra
          push(static_cast<uintptr_t>(as_signed(left) >> (right < 63 ? right : 63)));
          break;
        case 0x27:  // xor
          push(left ^ right);
          break;
        case 0x29:  // eq
          push(left == right);
          break;
        case 0x2a:  // ge
          push(as_signed(left) >= as_signed(right));
          break;
        case 0x2b:  // gt
          push(as_signed(left) > as_signed(right));
          break;
        case 0x2c:  // le
          push(as_signed(left) <= as_signed(right));
          break;
        case 0x2d:  // lt
          push(as_signed(left) < as_signed(right));
          break;
        case 0x2e:  // ne
          push(left != right);
          break;
        default:
          return false;
      }
      continue;
    }
    switch (op) {
      case 0x06: {  // deref
        uintptr_t value;
        if (!memory.Read(pop(), &value)) return false;
        push(value);
        break;
      }
      case 0x08:  // const1u and so on
        push(reader.Fixed<uint8_t>());
        break;
      case 0x09:
        push(static_cast<uintptr_t>(int64_t{reader.Fixed<int8_t>()}));
        break;
      case 0x0a:
        push(reader.Fixed<uint16_t>());
        break;
      case 0x0b:
        push(static_cast<uintptr_t>(int64_t{reader.Fixed<int16_t>()}));
        break;
      case 0x0c:
        push(reader.Fixed<uint32_t>());
        break;
      case 0x0d:
        push(static_cast<uintptr_t>(int64_t{reader.Fixed<int32_t>()}));
        break;
      case 0x10:  // constu
        push(reader.Uleb());
        break;
      case 0x11:  // consts
        push(static_cast<uintptr_t>(reader.Sleb()));
        break;
      case 0x12: {  // dup
        const uintptr_t value = pop();
        push(value);
        push(value);
        break;
      }
      case 0x13:  // drop
        pop();
        break;
      case 0x1f:  // neg
        push(0 - pop());
        break;
      case 0x20:  // not
        push(~pop());
        break;
      case 0x23:  // plus_uconst
        push(pop() + reader.Uleb());
        break;
      case 0x96:  // nop
        break;
      default:
        return false;
    }
    if (reader.failed()) return false;
  }
  if (!good || top == 0) return false;
  *result = stack[top - 1];
  return true;
}

}  // namespace heapprof::unwind
