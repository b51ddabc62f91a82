// SPDX-License-Identifier: Apache-2.0
// A step with all the registers that a callee keeps, for the rows that no rule of one word can say: a CFA
// that is in rbx or r10, OpenSSL's expressions, the loader's resolver of functions.
//
//   CFA            = register + offset, or an expression
//   caller's rsp   = CFA
//   caller's others as the row says: kept, *(CFA + n), CFA + n, another register, an expression
//
// A register that a frame did not keep is not known from then on; a row that needs one ends the walk.
// Thread-safety: yes. Signal-safety: yes, in 1.5 KiB of stack. Allocates: never. Locks: none.
#ifndef HEAPPROF_SAMPLING_UNWIND_FULL_STEP_X86_64_H_
#define HEAPPROF_SAMPLING_UNWIND_FULL_STEP_X86_64_H_

#include <stdint.h>

#include "sampling/unwind/cfi/cfi_row.h"
#include "sampling/unwind/step_x86_64.h"

namespace heapprof::unwind {

// The Memory of step_x86_64.h, whatever it is.
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

// By DWARF number; 16 is the pc.
struct FullRegisters {
  static constexpr uint64_t kCount = 17;
  uintptr_t value[kCount];  // of those that are known
  uint32_t known = 0;

  bool Knows(uint64_t number) const { return number < kCount && (known >> number & 1) != 0; }
  void Set(uint64_t number, uintptr_t to) {
    value[number] = to;
    known |= 1u << number;
  }
  // All of the ucontext at `address`. False: it cannot be read.
  bool SetFromContext(uintptr_t address, const WordReader& memory);
};

// From the frame of `registers` to its caller's by `row`. kInterrupted where the row is a signal frame's.
Step StepByRow(const CfiRow& row, FullRegisters* registers, const WordReader& memory);

// What a DWARF expression gives; `cfa`, if not null, lies on its stack at first. False: it cannot be had.
bool EvaluateExpression(uintptr_t at, uint32_t size, const FullRegisters& registers, const uintptr_t* cfa,
                        const WordReader& memory, uintptr_t* result);

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_FULL_STEP_X86_64_H_
