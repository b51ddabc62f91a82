// SPDX-License-Identifier: Apache-2.0
// Other profilers whose settings and functions act on heapprof, together.
//
// Thread-safety: InstallPeerTriggers from any thread; the rest at the start and around fork. Signal-safety:
// no. Allocates: never.
#ifndef HEAPPROF_PROFILES_PEERS_PEERS_H_
#define HEAPPROF_PROFILES_PEERS_PEERS_H_

namespace heapprof {

// When libc can be called. `end` ends the process with a status at exit. `has_own_cpu_profiler`: the program
// has gperftools' libprofiler.
void InstallPeers(void (*end)(int status), bool has_own_cpu_profiler);
// What comes by itself is looked for from now on.
void InstallPeerTriggers();
void PeersAfterForkInChild();

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_PEERS_PEERS_H_
