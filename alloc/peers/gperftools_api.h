// SPDX-License-Identifier: Apache-2.0
// Whether gperftools is in the program itself.
//
// Thread-safety: yes. Signal-safety: no. Allocates: where a search fails, libc does.
#ifndef HEAPPROF_ALLOC_PEERS_GPERFTOOLS_API_H_
#define HEAPPROF_ALLOC_PEERS_GPERFTOOLS_API_H_

namespace heapprof {

// The program has libprofiler, which makes its CPU profiles.
bool HasOwnCpuProfiler();

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_PEERS_GPERFTOOLS_API_H_
