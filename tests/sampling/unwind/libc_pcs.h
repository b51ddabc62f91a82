// SPDX-License-Identifier: Apache-2.0
// Addresses that have rules, for tests of what keeps them.
#ifndef HEAPPROF_TESTS_SAMPLING_UNWIND_LIBC_PCS_H_
#define HEAPPROF_TESTS_SAMPLING_UNWIND_LIBC_PCS_H_

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <vector>

#include "sampling/unwind/rule_cache.h"

namespace heapprof::unwind {

// Addresses in libc's code; those between functions, which have no CFI, are left out.
inline std::vector<uintptr_t> Pcs(size_t count) {
  std::vector<uintptr_t> pcs;
  for (auto pc = reinterpret_cast<uintptr_t>(&qsort) + 1; pcs.size() < count; ++pc) {
    if (FindRule(pc).entry != Sentinel()) pcs.push_back(pc);
  }
  return pcs;
}

}  // namespace heapprof::unwind

#endif  // HEAPPROF_TESTS_SAMPLING_UNWIND_LIBC_PCS_H_
