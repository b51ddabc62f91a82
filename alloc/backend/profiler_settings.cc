// SPDX-License-Identifier: Apache-2.0
#include "alloc/backend/profiler_settings.h"

#include <string.h>

#include "alloc/backend/backend.h"

namespace heapprof {
namespace {

struct Span {
  const char* data;
  size_t size;
  bool Is(const char* text) const { return strncmp(text, data, size) == 0 && text[size] == '\0'; }
};

// Those that change what jemalloc's profiler records or how it counts, in a way that ours does not have.
constexpr const char* kWithoutCounterpart[] = {
    "prof_log",   "prof_recent_alloc_max", "prof_stats", "prof_sys_thread_name", "prof_time_resolution",
    "prof_unbias"};

constexpr char kKeyCharacters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

void TakeBool(Span value, bool* out) {
  if (value.Is("true")) *out = true;
  if (value.Is("false")) *out = false;
}

void TakePair(Span key, Span value, ProfilerKeys* keys) {
  if (key.Is("prof")) TakeBool(value, &keys->prof);
  if (key.Is("prof_leak")) TakeBool(value, &keys->prof_leak);
  if (key.Is("prof_leak_error")) TakeBool(value, &keys->prof_leak_error);
  for (const char* name : kWithoutCounterpart) {
    const bool is_usual =
        value.Is(key.Is("prof_unbias") ? "true" : "false") || value.Is("0") || value.Is("default");
    if (!key.Is(name) || is_usual || strstr(keys->without_counterpart.data(), name) != nullptr) continue;
    keys->without_counterpart.Str(keys->without_counterpart.size() == 0 ? "" : ", ").Str(name);
  }
}

template <typename Value>
void Ask(const char* name, Value* value) {
  Value answer;
  size_t size = sizeof(answer);
  if (hpje_mallctl(name, &answer, &size, nullptr, 0) == 0 && size == sizeof(answer)) *value = answer;
}

}  // namespace

// As jemalloc reads them: nothing of what stands behind a key that is none.
void ReadProfilerKeys(const char* settings, ProfilerKeys* keys) {
  for (const char* at = settings; at != nullptr && *at != '\0';) {
    const size_t key_size = strspn(at, kKeyCharacters);
    const char* value = at + key_size + 1;
    if (value[-1] != ':') return;
    const size_t size = strcspn(value, ",");
    TakePair({at, key_size}, {value, size}, keys);
    at = value + size;
    if (*at == ',') ++at;
  }
}

jemalloc_profiler::Settings ProfilerSettings(const ProfilerKeys& keys) {
  jemalloc_profiler::Settings settings;
  settings.prof = keys.prof || keys.prof_leak || keys.prof_leak_error;
  if (!settings.prof) return settings;
  settings.prof_leak = keys.prof_leak || keys.prof_leak_error;
  settings.prof_leak_error = keys.prof_leak_error;
  Ask("opt.prof_active", &settings.prof_active);
  Ask("opt.prof_thread_active_init", &settings.prof_thread_active_init);
  Ask("opt.prof_final", &settings.prof_final);
  Ask("opt.prof_accum", &settings.prof_accum);
  Ask("opt.lg_prof_sample", &settings.lg_prof_sample);
  Ask("opt.prof_prefix", &settings.prof_prefix);
  // prof_leak alone writes nothing that was not asked for, as jemalloc has it.
  if (keys.prof) {
    Ask("opt.prof_gdump", &settings.prof_gdump);
    Ask("opt.lg_prof_interval", &settings.lg_prof_interval);
  }
  if (keys.without_counterpart.size() != 0) {
    Text<512> line;
    line.Str("settings of jemalloc that heapprof has no counterpart of are ignored: ");
    Say(line.Str(keys.without_counterpart.data()));
  }
  return settings;
}

}  // namespace heapprof
