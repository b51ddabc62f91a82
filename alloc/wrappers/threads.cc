// SPDX-License-Identifier: Apache-2.0
#include "alloc/wrappers/threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <threads.h>

#include <atomic>

#include "alloc/backend/backend.h"
#include "alloc/backend/default_settings.h"
#include "alloc/backend/thread_caches.h"
#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/slots/slots.h"
#include "alloc/wrappers/next.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"
#include "profiles/peers/jemalloc_profiler.h"
#include "sampling/counts/named_profiles.h"
#include "sampling/cpu/cpu_sampler.h"
#include "sampling/recorder.h"
#include "sampling/stop/stop_signal.h"
#include "sampling/stop/thread_stacks.h"
#include "sampling/thread/labels.h"
#include "sampling/wall/wall_sampler.h"

namespace heapprof {
namespace {

// glibc's choice for x86-64 and aarch64 when the limit says nothing.
constexpr size_t kStackWithoutLimit = 2 << 20;
size_t g_default_stack_size = kStackWithoutLimit;

struct ThreadStart {
  void* (*function)(void*);
  void* argument;
  uintptr_t stack_low;  // 0: libc allocates the stack
  size_t stack_size;
  bool guarded;        // by libc
  uint32_t labels;     // of the thread that made it
  uint32_t creator;    // as NoteCreator takes it
  ArgumentSlot* held;  // the argument, where the leak check finds it until the thread has it
};

// Not from the heap: libc keeps the address in the thread's descriptor, where the leak check would take it
// for a pointer to the block that has the address next.
constexpr size_t kStarts = 1024;
ThreadStart g_starts[kStarts];
std::atomic<bool> g_taken[kStarts];
std::atomic<size_t> g_next_start{0};

// nullptr: no memory.
ThreadStart* TakeStart() {
  for (size_t tries = 0; tries < kStarts; ++tries) {
    size_t at = g_next_start.fetch_add(1, std::memory_order_relaxed) % kStarts;
    // acquire: the last one has read it.
    if (!g_taken[at].exchange(true, std::memory_order_acquire)) return &g_starts[at];
  }
  return static_cast<ThreadStart*>(RawMap(sizeof(ThreadStart)));
}

void GiveBack(ThreadStart* start) {
  *start = {};  // in a static program this is the program's memory
  if (start >= g_starts && start < g_starts + kStarts) {
    g_taken[start - g_starts].store(false, std::memory_order_release);
  } else {
    RawUnmap(start, sizeof(ThreadStart));
  }
}

void ReportStack(const ThreadStart& start, uintptr_t frame) {
  // libc keeps the thread's descriptor, beside what the thread pointer points at, on top of its stack.
  const uintptr_t self = ControlBlock();
  const bool own = start.stack_low != 0 && frame - start.stack_low < start.stack_size;
  NoteThreadStack(self, {own ? start.stack_low : 0, start.stack_size, start.guarded});
  if (own) {
    recorder::ThreadBegins(start.stack_low, start.stack_low + start.stack_size);
    return;
  }
  constexpr uintptr_t kFrameTail = 2 * sizeof(void*);  // saved frame pointer and return address
  uintptr_t high = self - frame < start.stack_size ? self : frame + kFrameTail;
  uintptr_t low = high > start.stack_size ? high - start.stack_size : 0;
  recorder::ThreadBegins(low, high);
}

// jemalloc sets its key when a thread first calls it. Were that in the last round of the keys' destructors,
// no round would be left to take the thread's record out of jemalloc's lists, and the next thread would be
// linked to memory that is unmapped. With the key set from the start, the first round does so, and what
// allocates later is in no list.
void SetEndOfBackend() { hpje_je_tsd_fetch_slow(&hpje_je_tsd_tls, true); }

// The call of the program's function is a jump: no frame of ours stays on the thread's stack.
void* Trampoline(void* block) {
  ThreadStart start = *static_cast<ThreadStart*>(block);
  GiveBack(static_cast<ThreadStart*>(block));
  ReleaseThreadArgument(start.held);
  SetEndOfBackend();
  ReportStack(start, reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
  InheritLabels(start.labels);
  jemalloc_profiler::ForgetInheritedName();
  NoteCreator(start.creator);
  cpu::ThreadBegins(start.function);
  wall::ThreadBegins();
  return start.function(start.argument);
}

void ReadAttributes(const pthread_attr_t* attributes, ThreadStart* start) {
  start->stack_low = 0;
  start->stack_size = g_default_stack_size;
  start->guarded = true;
  if (attributes == nullptr) return;
  void* address = nullptr;
  size_t size = 0;
  size_t guard = 0;
  start->guarded = pthread_attr_getguardsize(attributes, &guard) != 0 || guard != 0;
  // Without a stack of the program's own libc answers with the size below address 0.
  if (pthread_attr_getstack(attributes, &address, &size) != 0) return;
  uintptr_t low = reinterpret_cast<uintptr_t>(address);
  if (low != 0 && low + size > low) {
    start->stack_low = low;
    start->stack_size = size;
  } else if (pthread_attr_getstacksize(attributes, &size) == 0 && size != 0) {
    start->stack_size = size;
  }
}

int CreateThread(pthread_t* thread, const pthread_attr_t* attributes, void* (*function)(void*),
                 void* argument, const CallerFrame& caller) {
  if (g_next.pthread_create == nullptr) FindLateFunctions();
  if (g_next.pthread_create == nullptr) return EAGAIN;
  AdoptIfCopy();
  SettingsOfThreads();
  ThreadCachesOfOneMore();
  UpdateSlotsOfNewModules();
  auto* start = TakeStart();
  if (start == nullptr) return EAGAIN;
  start->function = function;
  start->argument = argument;
  start->labels = CurrentLabels();
  start->held = HoldThreadArgument(argument);
  ReadAttributes(attributes, start);
  start->creator = ProcessProfiles().RecordThreadCreation(caller);
  int error = g_next.pthread_create(thread, attributes, Trampoline, start);
  if (error != 0) {
    ReleaseThreadArgument(start->held);
    GiveBack(start);
  }
  return error;
}

}  // namespace

void NotifyThreadBegins(void (*function)(sigval), uint32_t labels, bool default_stack, uintptr_t frame) {
  ThreadStart start = {};
  start.stack_size = g_default_stack_size;
  start.guarded = true;
  SetEndOfBackend();
  if (default_stack) ReportStack(start, frame);
  InheritLabels(labels);
  jemalloc_profiler::ForgetInheritedName();
  cpu::ThreadBegins(reinterpret_cast<void* (*)(void*)>(reinterpret_cast<void (*)()>(function)));
  wall::ThreadBegins();
  // libc starts those of timers with all signals blocked, and so without ticks.
  if (cpu::Running()) cpu::LetTicksIn();
}

void InitThreads() {
  cpu::InitThreadEnds();
  rlimit limit = {};
  if (RawSyscall(SYS_getrlimit, RLIMIT_STACK, reinterpret_cast<long>(&limit)) != 0) return;
  if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur != 0) g_default_stack_size = limit.rlim_cur;
}

}  // namespace heapprof

extern "C" {

HEAPPROF_EXPORT int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                   void* (*function)(void*), void* argument) noexcept {
  heapprof::Initialize();
  return heapprof::CreateThread(thread, attributes, function, argument, HEAPPROF_CALLER_FRAME());
}

// libc's would call the inner function by which it makes all threads. A function that returns int leaves it
// where thrd_join looks for it.
HEAPPROF_EXPORT int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
  heapprof::Initialize();
  auto* any = reinterpret_cast<void (*)()>(function);
  int error = heapprof::CreateThread(thread, nullptr, reinterpret_cast<void* (*)(void*)>(any), argument,
                                     HEAPPROF_CALLER_FRAME());
  return error == 0 ? thrd_success : error == ENOMEM ? thrd_nomem : thrd_error;
}

}  // extern "C"
