// SPDX-License-Identifier: Apache-2.0
// Which anonymous memory is not the program's: the private jemalloc's, and the profiler's own tables.
//
// The leak check takes the program's memory for roots, and must take neither of these: jemalloc's holds the
// blocks themselves and what was freed, our tables hold the address of every live block.
//
// Thread-safety: yes; threads may forget parts of one mapping at the same time. Signal-safety: yes.
// Allocates: never. Invariants: (1) an entry is one word of page numbers, which cannot be taken for a
// pointer; (2) at no moment is what stays mapped missing.
#ifndef HEAPPROF_BASE_SYSTEM_OWN_MAPPINGS_H_
#define HEAPPROF_BASE_SYSTEM_OWN_MAPPINGS_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

struct AddressRange {
  uintptr_t start, end;
};

enum class MappingOwner { kProfiler, kAllocator };

// After mapping.
void NoteOwnMapping(uintptr_t start, size_t size, MappingOwner owner = MappingOwner::kProfiler);
// Before unmapping; also of a part of what was noted.
void ForgetOwnMapping(uintptr_t start, size_t size);

// Copies up to `capacity` ranges, in no order. Returns how many there are; more than kMaxOwnMappings: some
// found no room and are not known.
inline constexpr size_t kMaxOwnMappings = 16384;
size_t CopyOwnMappings(AddressRange* out, size_t capacity);
// The same of one owner's.
size_t CopyOwnMappings(MappingOwner owner, AddressRange* out, size_t capacity);

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SYSTEM_OWN_MAPPINGS_H_
