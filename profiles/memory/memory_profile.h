// SPDX-License-Identifier: Apache-2.0
// Writes the profile `memory`: resident memory, whole, by cause and stack. See docs/memory.md.
//
// Types resident/bytes, whose sum is RSS, and mapped/bytes. The outermost frames are the causes in brackets.
// The text form begins with them as a table:
//
//     memory of 4711: RSS 104857600
//        resident  share      mapped
//     83886080  80.0 %    90000000   [heap]
//     ...
//
// Thread-safety: one writer at a time per workspace (profiles/dump holds the dump lock). Signal-safety: yes.
// Allocates: never from the heap; maps some MiB and 32 bytes a bucket for the call, touched as they are
// needed, and the text form what it sorts.
#ifndef HEAPPROF_PROFILES_MEMORY_MEMORY_PROFILE_H_
#define HEAPPROF_PROFILES_MEMORY_MEMORY_PROFILE_H_

#include <stddef.h>

#include "proto/byte_sink.h"

namespace heapprof {

size_t MemoryProfileWorkspaceSize();

// debug 0: gzip'd profile.proto, 1: text. `workspace` is zeroed memory. 0, or -errno.
int WriteMemoryProfile(int debug, ByteSink* sink, void* workspace);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_MEMORY_MEMORY_PROFILE_H_
