// SPDX-License-Identifier: Apache-2.0
// The text form of heap profiles, which gperftools, tcmalloc, jemalloc and our own debug=1 write, into a
// Profile.
//
//   heap profile: OBJECTS: BYTES [OBJECTS: BYTES] @ heap/PERIOD     gperftools; PERIOD is twice the interval
//   OBJECTS: BYTES [OBJECTS: BYTES] @ 0x... 0x...                   in use [allocated] @ return addresses
//   MAPPED_LIBRARIES:                                               then lines as in /proc/self/maps
//
//   heap_v2/INTERVAL                                                jemalloc
//   @ 0x... 0x...
//     t*: OBJECTS: BYTES [OBJECTS: BYTES]                           of all threads; t0: and so on are left
//     out
//
// Counts of the two sampled kinds (heap, heap_v2) are those of the samples, and are scaled here by
// 1 / (1 - exp(-mean size / interval)), as pprof and jeprof do.
// Thread-safety: functions without state. Errors: Failure, whose line names the line of the file.
#ifndef HEAPPROF_TOOLS_PROFILE_LEGACY_LOAD_H_
#define HEAPPROF_TOOLS_PROFILE_LEGACY_LOAD_H_

#include <string_view>

#include "tools/profile/profile.h"
#include "tools/reader/inflate.h"

namespace heapprof::tools {

// `head`: the first bytes of a file.
bool IsLegacyHeapProfile(std::string_view head);

Profile LoadLegacy(ProfileSource* source, uint64_t max_bytes);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_LEGACY_LOAD_H_
