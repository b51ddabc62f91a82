// SPDX-License-Identifier: Apache-2.0
// Heap profiles in the text forms of other profilers, of what was allocated since a moment.
//
// jemalloc's prof.reset and gperftools' HeapProfilerStart let a profile begin anew: what was allocated before
// is not in it, and the frees of those blocks change nothing. The tables go on; a profile's moment is what
// each bucket had counted then, and an epoch by which the live samples know that they came later.
//
// Thread-safety: yes. Signal-safety: yes; in a handler that interrupted the recorder a block that moves in
// the table may be missed. Allocates: never from the heap; 8 bytes a bucket are mapped at a reset, 4 for a
// dump.
#ifndef HEAPPROF_PROFILES_PEERS_PEER_DUMP_H_
#define HEAPPROF_PROFILES_PEERS_PEER_DUMP_H_

#include <stdint.h>

#include "profiles/write/text_profile.h"

namespace heapprof {

// From here on peers' profiles tell of what is allocated from now on. 0 or -ENOMEM: all stays as it is.
int ResetPeerProfiles();
// They tell of everything again.
void UndoResetOfPeerProfiles();

enum class PeerFile {
  kWhole,    // appears complete or not at all, as heapprof's own do
  kThrough,  // what stands at the path is written to: programs read it by a descriptor that they have already
};
// `interval`: what the header of a profile without records says. Says nothing. 0 or -errno.
int DumpPeerFile(const char* path, PeerFile kind, const TextStyle& style, uint64_t interval);
// The same to a sink.
int WritePeerProfile(ByteSink* sink, const TextStyle& style, uint64_t interval);

// The child's part of fork.
void PeerDumpsAfterForkInChild();

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_PEERS_PEER_DUMP_H_
