// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace heapprof {

// How many blocks threads' caches hold, and how often jemalloc empties them of what is not used, where
// neither the program (its `malloc_conf`), the user (MALLOC_CONF) nor the machine (/etc/malloc.conf) says so;
// each may be null. Decision 62 says how it was chosen. Before jemalloc starts. jemalloc before 5.3 has its
// own ways.
void StartThreadCaches(const char* program, const char* user, const char* machine);

// Before a thread is made: more threads' caches are emptied more often, so that together they hold about as
// much. Allocates nothing, takes no lock.
void ThreadCachesOfOneMore();

}  // namespace heapprof
