// SPDX-License-Identifier: Apache-2.0
// Walks are not remembered here: all are WalkStack's. Nobody takes memory for it (last_walks.h).
#include "sampling/unwind/last_walk.h"

namespace heapprof {

bool LastWalk::IsAvailable() { return false; }

bool LastWalk::Walk(const CallerFrame&, const StackBounds&, uint32_t, WalkResult*) { return false; }

}  // namespace heapprof
