// SPDX-License-Identifier: Apache-2.0
// Short code of modules that has no unwind tables: _init and _fini, which libc's crti.o begins and crtn.o
// ends, and the PLT where the linker writes no tables for it (lld, mold). It is decoded up to its end, by
// which time it has taken its own words off the stack again.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Locks: none. errno is left alone. Code is read by
// a call that fails instead of faulting.
#ifndef HEAPPROF_SAMPLING_UNWIND_BARE_CODE_H_
#define HEAPPROF_SAMPLING_UNWIND_BARE_CODE_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof::unwind {

// Of code that is none of these it is remembered by address, until the set of modules changes.
//
// How many words lie between rsp and the return address before the instruction at `pc` is executed; -1: not
// known, as the code is none of these. On aarch64: 0, and the return address is in x30, or 2, and it is the
// second of them.
int WordsBelowCaller(uintptr_t pc);

// How many bytes in front of an instruction, and from it on, are looked at: the longest push, and an _init.
inline constexpr size_t kBareCodeBefore = 16, kBareCodeBehind = 40;

// The same of an instruction with `before` bytes in front of it and `size` bytes from it on.
int WordsBelowCaller(const unsigned char* code, size_t before, size_t size);

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_BARE_CODE_H_
