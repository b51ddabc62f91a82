// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/full_step_x86_64.h"

#include "sampling/unwind/cfi/cfi_reader.h"

namespace heapprof::unwind {
namespace {

bool ValueOf(const CfiRegister& rule, uint64_t number, uintptr_t cfa, const FullRegisters& frame,
             const WordReader& memory, uintptr_t* value) {
  switch (rule.where) {
    case CfiRegister::kSame:
      if (!frame.Knows(number)) return false;
      *value = frame.value[number];
      return true;
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
  // A frame that does not lie above the one it called would make an endless walk, but on another stack. The
  // ends of longjmp and of an exception's landing have restored rsp already, and the way back is in a
  // register.
  const bool may_stay =
      row.of(kRsp)->where != CfiRegister::kSame || return_address.where == CfiRegister::kInRegister;
  const uintptr_t from = frame.value[kRsp], to = caller.value[kRsp];
  if ((to < from && !memory.MayGoDown(from, to)) || (to == from && !may_stay)) return Step::kLost;
  *registers = caller;
  if (caller.value[kReturnAddress] == 0) return Step::kEnd;
  return row.signal_frame ? Step::kInterrupted : Step::kCalled;
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
  // The `depth`th from the top.
  auto pick = [&](uint32_t depth) -> uintptr_t {
    if (depth < top) return stack[top - 1 - depth];
    good = false;
    return 0;
  };
  auto push_register = [&](uint64_t number, int64_t offset) {
    good = good && registers.Knows(number);
    push(good ? registers.value[number] + static_cast<uintptr_t>(offset) : 0);
  };
  auto as_signed = [](uintptr_t value) { return static_cast<int64_t>(value); };
  if (cfa != nullptr) push(*cfa);
  int operations_left = 1000;  // of an expression that jumps back
  for (CfiReader reader(at, at + size); good && reader.more();) {
    if (--operations_left < 0) return false;
    const uint8_t op = reader.Fixed<uint8_t>();
    if (op >= 0x30 && op <= 0x4f) {  // lit0-31
      push(op - 0x30);
      continue;
    }
    if (op >= 0x70 && op <= 0x8f) {  // breg0-31
      push_register(op - 0x70, reader.Sleb());
      continue;
    }
    if (op >= 0x50 && op <= 0x6f) {  // reg0-31
      push_register(op - 0x50, 0);
      continue;
    }
    if (op >= 0x1a && op <= 0x2e && op != 0x1f && op != 0x20 && op != 0x23 && op != 0x28) {
      const uintptr_t right = pop(), left = pop();
      switch (op) {
        case 0x1b:  // div
          if (right == 0) return false;
          push(right == UINTPTR_MAX ? 0 - left : static_cast<uintptr_t>(as_signed(left) / as_signed(right)));
          break;
        case 0x1d:  // mod
          if (right == 0) return false;
          push(left % right);
          break;
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
      case 0x03:  // addr
      case 0x0e:  // const8u, const8s
      case 0x0f:
        push(reader.Fixed<uint64_t>());
        break;
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
      case 0x14:  // over
        push(pick(1));
        break;
      case 0x15:  // pick
        push(pick(reader.Fixed<uint8_t>()));
        break;
      case 0x16: {  // swap
        const uintptr_t first = pop(), second = pop();
        push(first);
        push(second);
        break;
      }
      case 0x17: {  // rot: the top becomes the third
        const uintptr_t first = pop(), second = pop(), third = pop();
        push(first);
        push(third);
        push(second);
        break;
      }
      case 0x19: {  // abs
        const uintptr_t value = pop();
        push(as_signed(value) < 0 ? 0 - value : value);
        break;
      }
      case 0x28:    // bra
      case 0x2f: {  // skip
        const auto distance = static_cast<uintptr_t>(int64_t{reader.Fixed<int16_t>()});
        if (op == 0x28 && pop() == 0) break;
        const uintptr_t target = reader.at() + distance;
        if (reader.failed() || target < at || target > at + size) return false;
        reader = CfiReader(target, at + size);
        break;
      }
      case 0x90:  // regx
        push_register(reader.Uleb(), 0);
        break;
      case 0x92: {  // bregx
        const uint64_t number = reader.Uleb();
        push_register(number, reader.Sleb());
        break;
      }
      case 0x94: {  // deref_size: within one word of the stack
        const uint64_t bytes = reader.Fixed<uint8_t>();
        const uintptr_t address = pop(), begin = address % kWord;
        uintptr_t value;
        if (bytes == 0 || begin + bytes > kWord || !memory.Read(address - begin, &value)) return false;
        push(value << 8 * (kWord - begin - bytes) >> 8 * (kWord - bytes));
        break;
      }
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
