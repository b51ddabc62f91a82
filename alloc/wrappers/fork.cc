// SPDX-License-Identifier: Apache-2.0
#include "alloc/wrappers/fork.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "alloc/contention/waits.h"
#include "alloc/entry/arena_reset.h"
#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/libc/calls.h"
#include "alloc/slots/slots.h"
#include "alloc/wrappers/children.h"
#include "alloc/wrappers/next.h"
#include "alloc/wrappers/threads.h"
#include "base/lock/spinlock.h"
#include "base/system/loader_lock.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"
#include "http/server.h"
#include "leak/check.h"
#include "profiles/peers/peers.h"
#include "profiles/triggers.h"
#include "sampling/contention/contention.h"
#include "sampling/counts/named_profiles.h"
#include "sampling/cpu/cpu_sampler.h"
#include "sampling/memory/mapping_stacks.h"
#include "sampling/module_watch.h"
#include "sampling/recorder.h"
#include "sampling/thread/labels.h"

extern "C" {
__attribute__((visibility("hidden"))) int hp_own_register_atfork(void (*)(), void (*)(), void (*)(), void*);
HEAPPROF_EXPORT int __register_atfork(void (*)(), void (*)(), void (*)(), void*)
    __attribute__((weak, alias("hp_own_register_atfork")));

// The lock of libc's list of open streams. It is recursive, and libc's fork takes it too. Weak, because
// another libc may not have these functions, and neither has a program linked with -static that uses no
// streams.
__attribute__((weak)) void _IO_list_lock();
__attribute__((weak)) void _IO_list_unlock();
__attribute__((weak)) void _IO_list_resetlock();
}

namespace heapprof {
namespace {

struct Handlers {
  void (*prepare)();
  void (*parent)();
  void (*child)();
};
Handlers g_jemalloc;  // set once, by jemalloc's start

// Guarded by the locks.
uint64_t g_mask;  // the forking thread's signals
bool g_beside_threads;

// Of a thread that is in jemalloc's prepare handler: the program's mask.
struct Waiting {
  bool on;
  uint64_t mask;
};
thread_local Waiting t_waiting __attribute__((tls_model("initial-exec")));

// If there are threads, libc's fork takes the lock of the list of streams, after our handlers have run. The
// holder of that lock may wait for a stream, and the stream's holder may wait for memory (glibc's bug 19431).
// So we take it first, before the locks that memory needs. libc does the same for its own malloc.
void LockStreams() {
  if (_IO_list_lock != nullptr) _IO_list_lock();
}

void UnlockStreams() {
  if (_IO_list_unlock != nullptr) _IO_list_unlock();
}

// In the child libc has reset it already, with one exception: the program had one thread when it called fork,
// and a handler of fork has made the second.
void ResetStreams() {
  if (_IO_list_resetlock != nullptr) _IO_list_resetlock();
}

// Called when a wait takes long, as it may never end: we may wait for a thread that is in a signal handler
// and forks too. Meanwhile the program's handlers run, and signals can end the program.
void LetSignalsIn(uint64_t mask) {
  RestoreSignals(mask);
  BlockSignals();
}

void UnlockTables() {
  ProcessMappings().UnlockAfterFork(false);
  ProcessProfiles().UnlockAfterFork(false);
  LabelSets().UnlockAfterFork(false);
  UnlockModulesAfterFork(false);
  UnlockSlotsAfterFork(false);
  UnlockArenaResetInParent();
}

void UnlockOurs() {
  recorder::ParentAfterFork();
  UnlockTables();
}

bool TryLockOurs() {
  if (!LockArenaResetForFork()) return false;
  if (LockSlotsForFork() && LockModulesForFork() && LabelSets().LockForFork() &&
      ProcessProfiles().LockForFork() && ProcessMappings().LockForFork() && recorder::PrepareFork()) {
    return true;
  }
  UnlockTables();
  return false;
}

// Takes the streams' lock and ours, those in the order of their ranks, as dlclose may hold several. Nobody
// calls jemalloc while he holds one, and jemalloc takes none. They come before jemalloc's, so that no sample
// is half recorded when jemalloc stands still. Blocks all signals, and returns the mask before.
uint64_t LockOurs(bool beside_threads) {
  for (;;) {
    if (beside_threads) LockStreams();  // a wait without bound: signals are still let in
    uint64_t mask = leak::HoldChecksOff();
    if (TryLockOurs()) return mask;
    // Give all of them back before the next try: their holder may be in a handler that forks and need them.
    leak::LetChecksRun();
    if (beside_threads) UnlockStreams();
    RestoreSignals(mask);
  }
}

// Only if there are other threads. A single thread leaves jemalloc's locks to the code that its handler has
// interrupted, as libc does with its own malloc's. So fork works in a handler, whatever it interrupted.
void LockBackend(uint64_t mask) {
  if (g_jemalloc.prepare == nullptr) return;
  t_waiting = {true, mask};
  g_jemalloc.prepare();
  t_waiting.on = false;
}

// The lock of the CPU profile comes last: signals are let in while we wait for jemalloc, and one of them may
// stop the profile.
void Prepare() {
  AdoptIfCopy();
  bool beside_threads = !IsAloneInLibc();
  uint64_t mask = LockOurs(beside_threads);
  if (beside_threads) LockBackend(mask);
  while (!cpu::PrepareFork()) LetSignalsIn(mask);
  g_mask = mask;
  g_beside_threads = beside_threads;
}

void Parent() {
  uint64_t mask = g_mask;
  bool beside_threads = g_beside_threads;
  cpu::ParentAfterFork();
  if (beside_threads && g_jemalloc.parent != nullptr) g_jemalloc.parent();
  UnlockOurs();
  if (beside_threads) UnlockStreams();
  leak::LetChecksRun();
  RestoreSignals(mask);
}

void ForgetParent(bool copied) {
  if (copied || g_beside_threads) NoteForkBesideThreads();
  ForgetModuleReaders();
  recorder::ChildAfterFork();
  ProcessMappings().UnlockAfterFork(true);
  ProcessProfiles().UnlockAfterFork(true);
  LabelSets().UnlockAfterFork(true);
  UnlockModulesAfterFork(true);
  UnlockSlotsAfterFork(true);
  contention::AfterForkInChild();
  UnlockArenaResetInChild();
  if (NotificationsAfterForkInChild != nullptr) NotificationsAfterForkInChild();
  ExecsAfterForkInChild();
  TriggersAfterForkInChild(copied);
  PeersAfterForkInChild();
  http::ServerAfterForkInChild();
  leak::CheckAfterForkInChild();
}

void Child() {
  if (g_beside_threads && g_jemalloc.child != nullptr) g_jemalloc.child();
  if (g_beside_threads) ResetStreams();
  ForgetParent(false);
  NoteFirstThread();
  IsNoCopy();
  RestoreSignals(g_mask);
}

}  // namespace

void RegisterForkHandlers() {
  WatchForCopies([] { ForgetParent(true); });
  // In a program linked with -static libc's definition replaces ours, which is weak; where libc.a gives none,
  // nothing forks.
  if (g_next.register_atfork == nullptr && &__register_atfork != &hp_own_register_atfork) {
    g_next.register_atfork = &__register_atfork;
  }
  // `nobody`, instead of this library's handle: exit() removes the handlers of a library, and a thread in the
  // middle of a fork would then keep all locks for good.
  static char nobody;
  if (g_next.register_atfork != nullptr) g_next.register_atfork(Prepare, Parent, Child, &nobody);
}

}  // namespace heapprof

extern "C" {

#pragma GCC visibility push(hidden)
int hpje_register_atfork(void (*prepare)(), void (*parent)(), void (*child)());
int hpje_mutex_lock(pthread_mutex_t* mutex);
#pragma GCC visibility pop

// jemalloc's pthread_mutex_lock, which it calls when it has tried for a while. Where the library is part of
// the program, the program's import slots are ours: what waits for memory tells of no wait, as fork may wait
// for it.
int hpje_mutex_lock(pthread_mutex_t* mutex) {
  using heapprof::t_waiting;
  if (!t_waiting.on) {
    const auto lock = heapprof::g_real.mutex_lock;
    return lock != nullptr ? lock(mutex) : pthread_mutex_lock(mutex);
  }
  for (;;) {
    constexpr int64_t kSecond = 1'000'000'000;
    int64_t until = heapprof::RawMonotonicNanos() + heapprof::kForkPatience;
    timespec time = {until / kSecond, until % kSecond};
    int error = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &time);
    if (error != ETIMEDOUT) return error;
    heapprof::LetSignalsIn(t_waiting.mask);
  }
}

// jemalloc's pthread_atfork.
int hpje_register_atfork(void (*prepare)(), void (*parent)(), void (*child)()) {
  heapprof::g_jemalloc = {prepare, parent, child};
  return 0;
}

int hp_own_register_atfork(void (*prepare)(), void (*parent)(), void (*child)(), void* object) {
  heapprof::Initialize();
  return heapprof::g_next.register_atfork(prepare, parent, child, object);
}

}  // extern "C"
