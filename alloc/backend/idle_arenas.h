// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

namespace heapprof {

// Whether the pages that `arena` keeps for reuse are to go back to the kernel, now that its last thread has
// ended or has gone on to another arena: not if they did within the last kBetweenEmptyings milliseconds of
// `now`, a time of any steady clock; else true, and that is noted. Arenas beyond the first hundred or so
// may share a note, and then go back more rarely. Decision 70. Takes no lock, allocates nothing.
bool EmptiesIdleArena(const void* arena, uint64_t now);

constexpr uint64_t kBetweenEmptyings = 100;

}  // namespace heapprof
