// SPDX-License-Identifier: Apache-2.0
// Where a module without .eh_frame_hdr (linked with --no-eh-frame-hdr, or -static by gcc) has its .eh_frame:
// by the section headers of its file.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Locks: none. Reads the file once for each module
// of the first few such; system calls only.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_EH_FRAME_SECTION_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_EH_FRAME_SECTION_H_

#include <link.h>
#include <stdint.h>

namespace heapprof::unwind {

struct EhFrameSection {
  uintptr_t lo, hi;
};

// `module` is loaded at `map_start`. False: it has none that could be found.
bool FindEhFrameSection(const link_map& module, uintptr_t map_start, EhFrameSection* section);
// After an unload: another module may come to lie at the same place.
void ForgetEhFrameSections();

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_EH_FRAME_SECTION_H_
