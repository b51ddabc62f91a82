// SPDX-License-Identifier: Apache-2.0
#include "alloc/entry/profiler_controls.h"

#include <errno.h>
#include <string.h>

#include "alloc/backend/backend.h"
#include "profiles/peers/jemalloc_profiler.h"
#include "sampling/recorder.h"

namespace heapprof {
namespace {

using jemalloc_profiler::Given;

bool Writes(const ControlValues& values) { return values.fresh != nullptr || values.fresh_size != 0; }

// Gives `value` to a program that reads; one with less room, or more, gets what fits, and EINVAL.
template <typename Value>
int Give(const Value& value, const ControlValues& values) {
  if (values.old == nullptr || values.old_size == nullptr) return 0;
  const size_t room = *values.old_size;
  const size_t size = room < sizeof(value) ? room : sizeof(value);
  memcpy(values.old, &value, size);
  *values.old_size = size;
  return room == sizeof(value) ? 0 : EINVAL;
}

template <typename Value>
int ReadOnly(const Value& value, const ControlValues& values) {
  return Writes(values) ? EPERM : Give(value, values);
}

// A switch: its state before is read.
int Switch(bool (*get)(), void (*set)(bool on), const ControlValues& values) {
  const bool before = get();
  if (values.fresh != nullptr) {
    bool on;
    if (values.fresh_size != sizeof(on)) return EINVAL;
    memcpy(&on, values.fresh, sizeof(on));
    set(on);
  }
  return Give(before, values);
}

// What is written, if anything is. 0, or EPERM, EINVAL.
template <typename Value>
int TakeOnly(const ControlValues& values, Value* value) {
  if (values.old != nullptr || values.old_size != nullptr) return EPERM;
  if (values.fresh == nullptr) return 0;
  if (values.fresh_size != sizeof(*value)) return EINVAL;
  memcpy(value, values.fresh, sizeof(*value));
  return 0;
}

int Dump(const ControlValues& values) {
  const char* path = nullptr;
  if (int error = TakeOnly(values, &path)) return error;
  return jemalloc_profiler::Dump(path) == 0 ? 0 : EFAULT;
}

int Prefix(const ControlValues& values) {
  const char* prefix = nullptr;
  if (int error = TakeOnly(values, &prefix)) return error;
  if (prefix == nullptr) return EFAULT;
  jemalloc_profiler::SetPrefix(prefix);
  return 0;
}

int Reset(const ControlValues& values) {
  size_t lg_sample = jemalloc_profiler::LgSample();
  if (int error = TakeOnly(values, &lg_sample)) return error;
  return jemalloc_profiler::Reset(lg_sample) ? 0 : EAGAIN;
}

int ThreadName(const ControlValues& values) {
  if (values.old != nullptr && values.old_size != nullptr && Writes(values)) return EPERM;
  if (values.fresh == nullptr) return Give(jemalloc_profiler::ThreadName(), values);
  const char* name;
  if (values.fresh_size != sizeof(name)) return EINVAL;
  memcpy(&name, values.fresh, sizeof(name));
  return jemalloc_profiler::SetThreadName(name);
}

struct Control {
  const char* name;
  int (*act)(const ControlValues& values);
};
constexpr Control kControls[] = {
    {"prof.dump", Dump},
    {"prof.active",
     [](const ControlValues& values) {
       return Switch(jemalloc_profiler::Active, jemalloc_profiler::SetActive, values);
     }},
    {"prof.reset", Reset},
    {"prof.prefix", Prefix},
    {"prof.gdump",
     [](const ControlValues& values) {
       return Switch(jemalloc_profiler::DumpsOnGrowth, jemalloc_profiler::SetDumpsOnGrowth, values);
     }},
    {"prof.interval",
     [](const ControlValues& values) { return ReadOnly(jemalloc_profiler::DumpInterval(), values); }},
    {"prof.lg_sample",
     [](const ControlValues& values) { return ReadOnly(jemalloc_profiler::LgSample(), values); }},
    {"prof.thread_active_init",
     [](const ControlValues& values) {
       return Switch(recorder::SamplesNewThreads, recorder::SampleNewThreads, values);
     }},
    {"thread.prof.active",
     [](const ControlValues& values) {
       return Switch(recorder::SamplesThread, recorder::SampleThread, values);
     }},
    {"thread.prof.name", ThreadName},
    // What jemalloc does not know itself, as it was kept from it.
    {"opt.prof", [](const ControlValues& values) { return ReadOnly(Given().prof, values); }},
    {"opt.prof_leak", [](const ControlValues& values) { return ReadOnly(Given().prof_leak, values); }},
    {"opt.prof_leak_error",
     [](const ControlValues& values) { return ReadOnly(Given().prof_leak_error, values); }},
};
constexpr size_t kCount = sizeof(kControls) / sizeof(kControls[0]);
constexpr size_t kLongest = 3;

// Where jemalloc has them; set once, at start.
struct Place {
  size_t nodes[kLongest];
  size_t length;  // 0: it has none of this name
};
Place g_places[kCount];

}  // namespace

void InitProfilerControls() {
  if (!jemalloc_profiler::IsOn()) return;
  for (size_t i = 0; i < kCount; ++i) {
    Place& place = g_places[i];
    place.length = kLongest;
    if (hpje_mallctlnametomib(kControls[i].name, place.nodes, &place.length) != 0) place.length = 0;
  }
}

bool ControlProfilerByName(const char* name, const ControlValues& values, int* result) {
  if (!jemalloc_profiler::IsOn()) return false;
  for (const Control& control : kControls) {
    if (strcmp(control.name, name) != 0) continue;
    *result = control.act(values);
    return true;
  }
  return false;
}

bool ControlProfilerByMib(const size_t* mib, size_t length, const ControlValues& values, int* result) {
  if (!jemalloc_profiler::IsOn()) return false;
  for (size_t i = 0; i < kCount; ++i) {
    const Place& place = g_places[i];
    if (length == 0 || length != place.length || memcmp(mib, place.nodes, length * sizeof(size_t)) != 0)
      continue;
    *result = kControls[i].act(values);
    return true;
  }
  return false;
}

}  // namespace heapprof
