// SPDX-License-Identifier: Apache-2.0
// The functions of gperftools/heap-profiler.h and gperftools/profiler.h.
//
// Weak: in a program that has gperftools' archives and ours the linker takes theirs, and says nothing. The
// heap profiler is always ours where it is found first, as theirs sees no allocation. What makes CPU profiles
// works with any malloc: if libprofiler is there, its own functions are called.
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/peers/gperftools_api.h"
#include "alloc/wrappers/next.h"
#include "base/text.h"
#include "profiles/peers/gperftools.h"
#include "proto/memory_sink.h"

#define HEAPPROF_WEAK_EXPORT __attribute__((weak, visibility("default")))

// As gperftools/profiler.h has them.
struct ProfilerOptions {
  int (*filter_in_thread)(void* argument);
  void* filter_in_thread_arg;
};
struct ProfilerState {
  int enabled;
  time_t start_time;
  char profile_name[1024];
  int samples_gathered;
};

namespace heapprof {
namespace {

// The next library's function of this name; nullptr: there is none.
template <typename Function>
Function* Next(const char* name, Function*) {
  if (FindNextInStaticProgram != nullptr) return nullptr;  // the archive's are the program's
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace
}  // namespace heapprof

using heapprof::Next;
namespace gperftools = heapprof::gperftools;

extern "C" {

HEAPPROF_WEAK_EXPORT void HeapProfilerStart(const char* prefix) {
  heapprof::Initialize();
  gperftools::StartHeap(prefix);
}
HEAPPROF_WEAK_EXPORT void HeapProfilerStop(void) { gperftools::StopHeap(); }
HEAPPROF_WEAK_EXPORT void HeapProfilerDump(const char* reason) { gperftools::DumpHeap(reason); }
HEAPPROF_WEAK_EXPORT int IsHeapProfilerRunning(void) { return gperftools::HeapIsOn() ? 1 : 0; }

HEAPPROF_WEAK_EXPORT char* GetHeapProfile(void) {
  heapprof::CallerFrame caller = HEAPPROF_CALLER_FRAME();
  heapprof::Initialize();
  heapprof::MemorySink text;
  const int error = gperftools::WriteHeap(&text);
  const size_t size = error == 0 ? text.size() : 0;
  auto* copy = static_cast<char*>(heapprof::AllocateWithFlags(size + 1, 0, caller));
  if (copy == nullptr) return nullptr;
  if (size != 0) memcpy(copy, text.data(), size);
  copy[size] = '\0';
  return copy;
}

#pragma GCC visibility push(hidden)
int hp_profiler_start(const char* path) {
  if (auto* next = Next("ProfilerStart", &hp_profiler_start)) return next(path);
  heapprof::Initialize();
  return gperftools::StartCpu(path) ? 1 : 0;
}
#pragma GCC visibility pop
HEAPPROF_WEAK_EXPORT int ProfilerStart(const char* path) __attribute__((alias("hp_profiler_start")));

HEAPPROF_WEAK_EXPORT int ProfilerStartWithOptions(const char* path, const ProfilerOptions* options) {
  if (auto* next = Next("ProfilerStartWithOptions", &ProfilerStartWithOptions)) return next(path, options);
  if (options != nullptr && options->filter_in_thread != nullptr) {
    heapprof::Say("ProfilerStartWithOptions: filter_in_thread is not asked, the profile has all threads");
  }
  heapprof::Initialize();
  return gperftools::StartCpu(path) ? 1 : 0;
}

HEAPPROF_WEAK_EXPORT void ProfilerStop(void) {
  if (auto* next = Next("ProfilerStop", &ProfilerStop)) return next();
  gperftools::StopCpu();
}

// The file is written as a whole when the profile stops.
HEAPPROF_WEAK_EXPORT void ProfilerFlush(void) {
  if (auto* next = Next("ProfilerFlush", &ProfilerFlush)) next();
}

HEAPPROF_WEAK_EXPORT void ProfilerGetCurrentState(ProfilerState* state);
HEAPPROF_WEAK_EXPORT int ProfilingIsEnabledForAllThreads(void) {
  ProfilerState state;
  ProfilerGetCurrentState(&state);  // libtcmalloc has this function, too, without the others
  return state.enabled;
}

// Threads have their clocks by themselves.
HEAPPROF_WEAK_EXPORT void ProfilerRegisterThread(void) {
  if (auto* next = Next("ProfilerRegisterThread", &ProfilerRegisterThread)) next();
}

HEAPPROF_WEAK_EXPORT void ProfilerGetCurrentState(ProfilerState* state) {
  if (auto* next = Next("ProfilerGetCurrentState", &ProfilerGetCurrentState)) return next(state);
  const gperftools::CpuState now = gperftools::StateOfCpu();
  *state = {};  // how many samples there are is known in the end
  state->enabled = now.enabled ? 1 : 0;
  state->start_time = now.start;
  heapprof::TextWriter(state->profile_name, sizeof(state->profile_name)).Str(now.path);
}

}  // extern "C"

namespace heapprof {

bool HasOwnCpuProfiler() {
  int (*const volatile found)(const char*) = &ProfilerStart;
  int (*const volatile own)(const char*) = &hp_profiler_start;
  return found != own || Next("ProfilerStart", &hp_profiler_start) != nullptr;
}

}  // namespace heapprof
