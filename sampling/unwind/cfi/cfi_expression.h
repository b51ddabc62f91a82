// SPDX-License-Identifier: Apache-2.0
// DWARF expressions (DWARF 5, 2.5 and 7.7.1), as call frame information has them: a small program for a stack
// machine, which reads a frame's registers and memory, and whose last value is the result.
//
// Known are the operators that can stand in call frame information and need nothing but registers and memory.
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Bounded: 16 values, 1000 operations.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_CFI_EXPRESSION_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_CFI_EXPRESSION_H_

#include <stdint.h>

#include "sampling/unwind/cfi/registers.h"

namespace heapprof::unwind {

// Reads words of the stack; the Memory of a step, whatever it is.
struct WordReader {
  bool (*read)(void* memory, uintptr_t address, uintptr_t* value);
  bool (*may_go_down)(void* memory, uintptr_t sp, uintptr_t cfa);
  void* memory;
  bool Read(uintptr_t address, uintptr_t* value) const { return read(memory, address, value); }
  bool MayGoDown(uintptr_t sp, uintptr_t cfa) const { return may_go_down(memory, sp, cfa); }
  template <class Memory>
  static WordReader Of(Memory* memory) {
    return {
        [](void* of, uintptr_t address, uintptr_t* value) {
          return static_cast<Memory*>(of)->Read(address, value);
        },
        [](void* of, uintptr_t sp, uintptr_t cfa) { return static_cast<Memory*>(of)->MayGoDown(sp, cfa); },
        memory};
  }
};

// By DWARF number; the last is the pc.
struct FullRegisters {
  static constexpr uint64_t kCount = kRegisterCount;
  uintptr_t value[kCount];  // of those that are known
  RegisterSet known = 0;

  bool Knows(uint64_t number) const { return number < kCount && (known >> number & 1) != 0; }
  void Set(uint64_t number, uintptr_t to) {
    value[number] = to;
    known |= RegisterSet{1} << number;
  }
  // All of the ucontext at `address`, by the architecture's full_step. False: it cannot be read.
  bool SetFromContext(uintptr_t address, const WordReader& memory);
};

// What a DWARF expression gives; `cfa`, if not null, lies on its stack at first. False: it cannot be had.
bool EvaluateExpression(uintptr_t at, uint32_t size, const FullRegisters& registers, const uintptr_t* cfa,
                        const WordReader& memory, uintptr_t* result);

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_CFI_EXPRESSION_H_
