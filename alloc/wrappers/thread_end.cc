// SPDX-License-Identifier: Apache-2.0
// What syscall(SYS_exit, ...) has done first: syscall_<arch>.S.
#include <pthread.h>

#include "alloc/backend/backend.h"
#include "alloc/wrappers/next.h"
#include "alloc/wrappers/threads.h"
#include "base/system/raw_syscall.h"
#include "sampling/thread/last_walks.h"
#include "sampling/thread/thread_state.h"

namespace heapprof {
namespace {

pthread_t g_first_thread;  // 0: not known

}  // namespace

void NoteFirstThread() {
  if (RawGetTid() == RawGetPid()) g_first_thread = pthread_self();
}

}  // namespace heapprof

#pragma GCC visibility push(hidden)
extern "C" {

long (*hp_next_syscall)(long, ...);

// What a key's destructor does at other ends. The first thread of a process needs nothing: its memory stays.
// And a child of vfork, which is the first of its own, or a thread of a bare clone that runs on its maker's
// TLS, would give up what belongs to a thread that goes on.
//
// That it is the first is seen without a system call: seccomp's strict mode kills a program that makes one,
// and leaves it no end but this one.
void hp_thread_ends() {
  if (pthread_equal(pthread_self(), heapprof::g_first_thread) != 0) return;
  const int self = heapprof::RawGetTid(), owner = heapprof::CurrentThread().tid;
  if (self == heapprof::RawGetPid() || (owner != 0 && owner != self)) return;
  heapprof::GiveBackLastWalk();
  hpje_je_tsd_cleanup(&hpje_je_tsd_tls);
}

}  // extern "C"
#pragma GCC visibility pop
