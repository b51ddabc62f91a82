// SPDX-License-Identifier: Apache-2.0
// What fills import slots.
//
// Thread-safety, signal-safety: constants. Allocates: never.
#ifndef HEAPPROF_ALLOC_SLOTS_RELOCATIONS_H_
#define HEAPPROF_ALLOC_SLOTS_RELOCATIONS_H_

#include <elf.h>
#include <stdint.h>

namespace heapprof {

#if defined(__aarch64__)
inline constexpr uint32_t kJumpSlot = R_AARCH64_JUMP_SLOT, kDataSlot = R_AARCH64_GLOB_DAT;
#else
inline constexpr uint32_t kJumpSlot = R_X86_64_JUMP_SLOT, kDataSlot = R_X86_64_GLOB_DAT;
#endif

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_SLOTS_RELOCATIONS_H_
