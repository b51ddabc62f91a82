// SPDX-License-Identifier: Apache-2.0
// Functions of the program that its dynamic symbols do not have, as it was linked without -rdynamic: read out
// of the .symtab of its file.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: mmap only.
#ifndef HEAPPROF_LEAK_PROGRAM_SYMBOLS_H_
#define HEAPPROF_LEAK_PROGRAM_SYMBOLS_H_

#include <stddef.h>

namespace heapprof::leak {

// Sets addresses[i] to the function called names[i], for each of `count`; what is not there, or is stripped,
// stays as it is.
void FindProgramFunctions(const char* const* names, void** addresses, size_t count);

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_PROGRAM_SYMBOLS_H_
