// SPDX-License-Identifier: Apache-2.0
// What syscall(SYS_exit, ...) has done first: syscall_<arch>.S.
#include "alloc/backend/backend.h"
#include "alloc/wrappers/next.h"
#include "base/system/raw_syscall.h"

#pragma GCC visibility push(hidden)
extern "C" {

long (*hp_next_syscall)(long, ...);

// What a key's destructor does at other ends. The first thread of a process needs nothing: its memory stays.
// And a child of vfork, which is the first of its own, would give up what belongs to the thread that waits
// for it.
void hp_thread_ends() {
  if (heapprof::RawGetTid() != heapprof::RawGetPid()) hpje_je_tsd_cleanup(&hpje_je_tsd_tls);
}

}  // extern "C"
#pragma GCC visibility pop
