// SPDX-License-Identifier: Apache-2.0
#include "alloc/entry/cxx_runtime.h"

namespace heapprof {

void PrepareForExceptions(const CallerFrame&) {}

std::new_handler NewHandler(const CallerFrame&) { return std::get_new_handler(); }

void ThrowBadAlloc(const CallerFrame&) { throw std::bad_alloc(); }

}  // namespace heapprof
