// SPDX-License-Identifier: Apache-2.0
#include "profiles/peers/peers.h"

#include <stddef.h>
#include <stdint.h>

#include "profiles/dump_triggers.h"
#include "profiles/peers/gperftools.h"
#include "profiles/peers/jemalloc_profiler.h"
#include "profiles/peers/peer_dump.h"

namespace heapprof {

void InstallPeers(void (*end)(int status), bool has_own_cpu_profiler) {
  jemalloc_profiler::Install(end);
  gperftools::Install(has_own_cpu_profiler);
}

void InstallPeerTriggers() {
  ProcessDumpTriggers().SetListener([](size_t size, uint64_t interval) {
    jemalloc_profiler::LookAtTriggers(size, interval);
    gperftools::LookAtTriggers(size, interval);
  });
}

void PeersAfterForkInChild() {
  PeerDumpsAfterForkInChild();
  jemalloc_profiler::AfterForkInChild();
  gperftools::AfterForkInChild();
}

}  // namespace heapprof
