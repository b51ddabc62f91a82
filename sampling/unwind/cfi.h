// From a PC to its rule: .eh_frame_hdr's table, the CIE and FDE, and the call frame instructions.
//
// Follows the LSB's .eh_frame and .eh_frame_hdr and DWARF 5, section 6.4. Only what a stack walk needs is
// tracked: the CFA, and where the return address and rbp are.
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Locks: none. Reads outside [lo, hi) of the given
// memory never happen, whatever the bytes say; every loop is bounded by the bytes it reads.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_H_

#include <stdint.h>

#include "sampling/unwind/rule.h"

namespace heapprof::unwind {

// The memory that a module's unwind tables may lie in, and its .eh_frame_hdr.
struct UnwindTables {
  uintptr_t lo, hi;
  uintptr_t eh_frame_hdr;
};

// The rule at `pc` (an address inside the instruction asked for). kNoCfi when no FDE covers it.
Rule RuleFromCfi(const UnwindTables& tables, uintptr_t pc);

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_H_
