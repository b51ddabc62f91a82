// SPDX-License-Identifier: Apache-2.0
// What syscall(SYS_exit, ...) has done first: syscall_<arch>.S.
#include "alloc/backend/backend.h"
#include "alloc/wrappers/next.h"
#include "base/system/raw_syscall.h"
#include "sampling/thread/thread_state.h"

#pragma GCC visibility push(hidden)
extern "C" {

long (*hp_next_syscall)(long, ...);

// What a key's destructor does at other ends. The first thread of a process needs nothing: its memory stays.
// And a child of vfork, which is the first of its own, or a thread of a bare clone that runs on its maker's
// TLS, would give up what belongs to a thread that goes on.
void hp_thread_ends() {
  const int self = heapprof::RawGetTid(), owner = heapprof::CurrentThread().tid;
  if (self == heapprof::RawGetPid() || (owner != 0 && owner != self)) return;
  hpje_je_tsd_cleanup(&hpje_je_tsd_tls);
}

}  // extern "C"
#pragma GCC visibility pop
