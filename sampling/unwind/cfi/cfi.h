// SPDX-License-Identifier: Apache-2.0
// From a PC to its row: .eh_frame_hdr's table, the CIE and FDE, and the call frame instructions.
//
// Follows the LSB's .eh_frame and .eh_frame_hdr and DWARF 5, section 6.4. Only what a stack walk needs is
// tracked: the CFA, the return address and the registers that a callee keeps.
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Locks: none. Reads outside [lo, hi) of the given
// memory never happen, whatever the bytes say (CodeOfRecords apart); every loop is bounded by the bytes it
// reads.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_CFI_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_CFI_H_

#include <stdint.h>

#include "sampling/unwind/cfi/cfi_reader.h"
#include "sampling/unwind/cfi/cfi_row.h"

namespace heapprof::unwind {

// A module's .eh_frame_hdr, and the memory that it and its tables may lie in. Where a program's segments have
// holes between them (linked for larger pages than these) that is another segment than the code's.
struct UnwindTables {
  uintptr_t lo, hi;
  uintptr_t eh_frame_hdr;
  uintptr_t code_lo, code_hi;  // the module, or its segment, that the PC lies in
  uintptr_t eh_frame = 0;      // where there is no .eh_frame_hdr: the first record
  PointerBases bases = {};     // of the records
};

// The tables of the module that `pc` lies in, by the loader's own lock-free look-up, or, with a glibc before
// 2.35, by what stands in for it (alloc/libc/loaded_modules.h). False: no module's, or one without CFI.
bool FindUnwindTables(uintptr_t pc, UnwindTables* tables);
// For a program linked with -static, whose memory is [lo, hi), before its first walk: libc's record of it
// ends behind its code, and is made after its first allocations, when a look-up would read what is not there
// yet. Until OpenUnwindTables its tables are those of `eh_frame_hdr`; 0: none.
void CloseTablesOfStaticProgram(uintptr_t lo, uintptr_t hi, uintptr_t eh_frame_hdr);
void OpenUnwindTables();

// The tables that a walk asks for `pc`: those that the program registered (registered_frames.h), else its
// module's. While the object lives they may be read.
class TablesFor {
 public:
  explicit TablesFor(uintptr_t pc);
  ~TablesFor();
  TablesFor(const TablesFor&) = delete;
  TablesFor& operator=(const TablesFor&) = delete;
  bool found() const { return found_; }
  const UnwindTables& tables() const { return tables_; }

 private:
  UnwindTables tables_;
  bool found_, held_;
};

enum class CfiAnswer {
  kRow,
  kNoCfi,     // no FDE covers it
  kNonsense,  // an FDE covers it, and cannot be followed
};

// The row at `pc` (an address inside the instruction asked for).
CfiAnswer RowFromCfi(const UnwindTables& tables, uintptr_t pc, CfiRow* row);

// The code that the records from `begin` to their terminator describe, all of it together; lo >= hi: none, or
// nonsense. For tables that the program itself hands out, which are read unbounded.
struct CodeRange {
  uintptr_t lo, hi, end_of_records;
};
CodeRange CodeOfRecords(uintptr_t begin, const PointerBases& bases);

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_CFI_H_
