#include "alloc/wrappers/fork.h"

#include "alloc/entry/arena_reset.h"
#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/wrappers/next.h"
#include "base/lock/spinlock.h"
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

// In the order of the locks' ranks, as dlclose holds several of them. They are leaves that are never held
// while jemalloc is called, nor the other way round; they come first, so that no sample is half recorded when
// jemalloc stands still. A handler of ours that stops a CPU profile would wait for them in vain.
void Prepare() {
  bool beside_threads = !IsOnlyThread();
  if (beside_threads) LockStreams();  // a wait without bound: signals are still let in
  uint64_t mask = leak::HoldChecksOff();
  LockArenaResetForFork();
  recorder::PrepareFork();
  LockLabelsForFork();
  cpu::PrepareFork();
  LockNamedProfilesForFork();
  g_mask = mask;
  g_beside_threads = beside_threads;
  if (g_jemalloc.prepare != nullptr) g_jemalloc.prepare();
}

void Parent() {
  if (g_jemalloc.parent != nullptr) g_jemalloc.parent();
  uint64_t mask = g_mask;
  bool beside_threads = g_beside_threads;
  UnlockNamedProfilesAfterFork(false);
  cpu::ParentAfterFork();
  UnlockLabelsAfterFork(false);
  recorder::ParentAfterFork();
  UnlockArenaResetInParent();
  if (beside_threads) UnlockStreams();
  leak::LetChecksRun();
  RestoreSignals(mask);
}

void Child() {
  if (g_jemalloc.child != nullptr) g_jemalloc.child();
  if (g_beside_threads) ResetStreams();
  recorder::ChildAfterFork();
  UnlockArenaResetInChild();
  UnlockLabelsAfterFork(true);
  UnlockNamedProfilesAfterFork(true);
  TriggersAfterForkInChild();
  leak::CheckAfterForkInChild();
  RestoreSignals(g_mask);
}

}  // namespace

void RegisterForkHandlers() {
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

// jemalloc's pthread_atfork.
__attribute__((visibility("hidden"))) int hpje_register_atfork(void (*prepare)(), void (*parent)(),
                                                               void (*child)()) {
  heapprof::g_jemalloc = {prepare, parent, child};
  return 0;
}

int hp_own_register_atfork(void (*prepare)(), void (*parent)(), void (*child)(), void* object) {
  heapprof::Initialize();
  return heapprof::g_next.register_atfork(prepare, parent, child, object);
}

}  // extern "C"
