// SPDX-License-Identifier: Apache-2.0
// What operator new needs of the C++ runtime: of libstdc++ or libc++abi, whichever the program has.
//
// The shared library depends on neither (cxx_runtime_found.cc): a C program loads no C++ runtime because of
// it, and plug-ins may have one each. In the archive they are ordinary references (cxx_runtime_linked.cc).
//
// Thread-safety: yes. Signal-safety: no. Allocates: perhaps, when the runtime is looked for.
#pragma once

#include <new>

#include "sampling/unwind/caller_frame.h"

namespace heapprof {

// Before code of the program is called that may throw through a function that catches.
void PrepareForExceptions(const CallerFrame& caller);

// std::get_new_handler(); nullptr where no runtime is loaded.
std::new_handler NewHandler(const CallerFrame& caller);

// Throws std::bad_alloc; where no runtime can be had, ends the process with a line that says so.
[[noreturn]] void ThrowBadAlloc(const CallerFrame& caller);

}  // namespace heapprof
