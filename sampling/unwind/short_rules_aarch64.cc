// SPDX-License-Identifier: Apache-2.0
// Walks are not remembered here (last_walk_aarch64.cc), and none asks.
#include "sampling/unwind/short_rules.h"

namespace heapprof::unwind {

void StartShortGeneration(uint64_t) {}

}  // namespace heapprof::unwind
