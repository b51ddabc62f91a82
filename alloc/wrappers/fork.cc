// SPDX-License-Identifier: Apache-2.0
#include "alloc/wrappers/fork.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "alloc/entry/arena_reset.h"
#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/wrappers/next.h"
#include "base/lock/spinlock.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"
#include "leak/check.h"
#include "profiles/triggers.h"
#include "sampling/counts/named_profiles.h"
#include "sampling/cpu/cpu_sampler.h"
#include "sampling/recorder.h"
#include "sampling/thread/labels.h"

extern "C" {
__attribute__((visibility("hidden"))) int hp_own_register_atfork(void (*)(), void (*)(), void (*)(), void*);
HEAPPROF_EXPORT int __register_atfork(void (*)(), void (*)(), void (*)(), void*)
    __attribute__((weak, alias("hp_own_register_atfork")));

// libc's list of open streams, a recursive lock that fork takes itself. Weak: where a libc has them no more,
// or a program without a loader uses no streams.
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

// libc's fork takes the list of streams after our handlers, if there are threads. Who has the list waits for
// a stream, whose holder may wait for memory (glibc's bug 19431): so it is taken before the locks that memory
// needs, as libc does with its own malloc.
void LockStreams() {
  if (_IO_list_lock != nullptr) _IO_list_lock();
}

void UnlockStreams() {
  if (_IO_list_unlock != nullptr) _IO_list_unlock();
}

// libc has done so in a child, unless it took a program for single-threaded in which a handler of fork has
// made the second thread.
void ResetStreams() {
  if (_IO_list_resetlock != nullptr) _IO_list_resetlock();
}

// A wait that takes long may be one for ever: for a thread that is itself in a handler and forks. The program
// can be ended meanwhile, and its handlers run.
void LetSignalsIn(uint64_t mask) {
  RestoreSignals(mask);
  BlockSignals();
}

void UnlockOurs() {
  UnlockNamedProfilesAfterFork(false);
  UnlockLabelsAfterFork(false);
  recorder::ParentAfterFork();
  UnlockArenaResetInParent();
}

bool TryLockOurs() {
  if (!LockArenaResetForFork()) return false;
  if (!recorder::PrepareFork()) {
    UnlockArenaResetInParent();
    return false;
  }
  if (LockLabelsForFork() && LockNamedProfilesForFork()) return true;
  UnlockOurs();
  return false;
}

// In the order of the locks' ranks, as dlclose holds several of them. They are leaves that are never held
// while jemalloc is called, nor the other way round; they come first, so that no sample is half recorded when
// jemalloc stands still. Blocks all signals, and returns the mask before.
uint64_t LockOurs() {
  for (;;) {
    uint64_t mask = leak::HoldChecksOff();
    if (TryLockOurs()) return mask;
    // All are given back meanwhile: whoever has one may be in a handler that forks, and want the others.
    leak::LetChecksRun();
    RestoreSignals(mask);
  }
}

// Alone, a thread leaves jemalloc's locks to the code that it interrupted, as libc leaves its malloc's: fork
// from a handler works then, whatever it interrupted.
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
  bool beside_threads = !IsOnlyThread();
  if (beside_threads) LockStreams();  // a wait without bound: signals are still let in
  uint64_t mask = LockOurs();
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
  recorder::ChildAfterFork();
  UnlockArenaResetInChild();
  UnlockLabelsAfterFork(true);
  UnlockNamedProfilesAfterFork(true);
  TriggersAfterForkInChild(copied);
  leak::CheckAfterForkInChild();
}

void Child() {
  if (g_beside_threads && g_jemalloc.child != nullptr) g_jemalloc.child();
  if (g_beside_threads) ResetStreams();
  ForgetParent(false);
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
  // Not as this library's, whose handlers exit() takes away: a thread in the middle of a fork would keep all
  // locks for good.
  static char nobody;
  if (g_next.register_atfork != nullptr) g_next.register_atfork(Prepare, Parent, Child, &nobody);
}

}  // namespace heapprof

extern "C" {

#pragma GCC visibility push(hidden)
int hpje_register_atfork(void (*prepare)(), void (*parent)(), void (*child)());
int hpje_mutex_lock(pthread_mutex_t* mutex);
#pragma GCC visibility pop

// jemalloc's pthread_mutex_lock, which it calls when it has tried for a while.
int hpje_mutex_lock(pthread_mutex_t* mutex) {
  using heapprof::t_waiting;
  if (!t_waiting.on) return pthread_mutex_lock(mutex);
  for (;;) {
    constexpr int64_t kSecond = 1'000'000'000;
    int64_t until = heapprof::RawMonotonicNanos() + heapprof::SpinLock::kForkPatience;
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
