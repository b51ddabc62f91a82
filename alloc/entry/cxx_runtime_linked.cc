// SPDX-License-Identifier: Apache-2.0
#include "alloc/entry/cxx_runtime.h"

namespace heapprof {

void PrepareForExceptions() {}

std::new_handler NewHandler() { return std::get_new_handler(); }

void ThrowBadAlloc() { throw std::bad_alloc(); }

}  // namespace heapprof
