// SPDX-License-Identifier: Apache-2.0
// What a program's settings of jemalloc say of its profiler.
//
// The private jemalloc reads all settings itself, and complains of bad ones. Only the keys that turn its
// profiler on are kept from it; so they are read here. The rest is asked of it.
//
// Thread-safety and signal-safety: for the start. Allocates: never.
#ifndef HEAPPROF_ALLOC_BACKEND_PROFILER_SETTINGS_H_
#define HEAPPROF_ALLOC_BACKEND_PROFILER_SETTINGS_H_

#include "base/text.h"
#include "profiles/peers/jemalloc_profiler.h"

namespace heapprof {

struct ProfilerKeys {
  bool prof = false, prof_leak = false, prof_leak_error = false;
  Text<256> without_counterpart;  // names, with commas
};

// Of "key:value,key:value", in the order in which jemalloc reads its sources: a later one stands over the
// earlier. nullptr: there are none.
void ReadProfilerKeys(const char* settings, ProfilerKeys* keys);

// Once jemalloc has read its settings. Says which have no counterpart, if the profiler is on.
jemalloc_profiler::Settings ProfilerSettings(const ProfilerKeys& keys);

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_BACKEND_PROFILER_SETTINGS_H_
