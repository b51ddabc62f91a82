// SPDX-License-Identifier: Apache-2.0
// The C functions of include/heapprof/heapprof.h.
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/option_text.h"
#include "base/system/process_copy.h"
#include "heapprof/heapprof.h"
#include "profiles/cpu_profile.h"
#include "profiles/dump.h"
#include "profiles/dump_triggers.h"
#include "profiles/live_options.h"
#include "profiles/wall_profile.h"
#include "sampling/cpu/cpu_sampler.h"
#include "sampling/heap/heap_tables.h"
#include "sampling/recorder.h"
#include "sampling/thread/labels.h"

#define HEAPPROF_API __attribute__((visibility("default")))

extern "C" {

HEAPPROF_API const char* heapprof_version(void) { return HEAPPROF_VERSION; }

HEAPPROF_API int heapprof_dump_heap(const char* path) { return heapprof::DumpHeap(path); }

HEAPPROF_API int heapprof_write_profile(const char* name, int fd, int debug) {
  return heapprof::WriteProfile(name, fd, debug);
}

HEAPPROF_API int heapprof_set_sample_interval(size_t bytes) {
  heapprof::AdoptIfCopy();
  heapprof::recorder::SetInterval(bytes);
  return 0;
}

HEAPPROF_API size_t heapprof_sample_interval(void) { return heapprof::recorder::Interval(); }

HEAPPROF_API int heapprof_reset_peak(void) {
  heapprof::AdoptIfCopy();
  heapprof::PeakOfHeap().Reset();
  heapprof::ProcessDumpTriggers().RestartGrowth();
  return 0;
}

HEAPPROF_API int heapprof_set_option(const char* name, const char* value) {
  return heapprof::SetLiveOption(name, value);
}

HEAPPROF_API int heapprof_option(const char* name, char* buffer, size_t size) {
  if (name == nullptr || buffer == nullptr || size == 0) return -EINVAL;
  heapprof::TextWriter text(buffer, size);
  if (!heapprof::PutLiveOption(name, &text)) return -ENOENT;
  return text.cut() ? -ERANGE : 0;
}

HEAPPROF_API const char* heapprof_option_name(size_t index) { return heapprof::OptionName(index); }

HEAPPROF_API int heapprof_start_cpu_profile(int fd, int hz) { return heapprof::StartCpuProfile(fd, hz); }

HEAPPROF_API int heapprof_stop_cpu_profile(void) { return heapprof::StopCpuProfile(); }

HEAPPROF_API int heapprof_start_wall_profile(int fd, int hz) { return heapprof::StartWallProfile(fd, hz); }

HEAPPROF_API int heapprof_stop_wall_profile(void) { return heapprof::StopWallProfile(); }

HEAPPROF_API int heapprof_labels_set(const char* key, const char* value) {
  return heapprof::SetLabel(key, value);
}

HEAPPROF_API const char* heapprof_labels_get(const char* key) { return heapprof::GetLabel(key); }

HEAPPROF_API heapprof_label_set heapprof_labels_capture(void) { return heapprof::CurrentLabels(); }

HEAPPROF_API int heapprof_labels_adopt(heapprof_label_set set) {
  if (!heapprof::LabelSets().Has(set)) return -EINVAL;
  heapprof::InheritLabels(set);
  return 0;
}

HEAPPROF_API int heapprof_stats(struct heapprof_stats* stats) {
  constexpr size_t kMin = offsetof(struct heapprof_stats, samples) + sizeof(uint64_t);
  if (stats == nullptr || stats->size < kMin) return -EINVAL;
  heapprof::TableStats tables = heapprof::GetTableStats();
  heapprof::DumpStats dumps = heapprof::GetDumpStats();
  struct heapprof_stats now = {};
  now.size = stats->size;
  now.samples = tables.samples;
  now.buckets = tables.buckets;
  now.stacks = tables.stacks;
  now.live_samples = tables.live_samples;
  now.lost_samples = tables.lost_samples;
  now.truncated_stacks = tables.truncated_stacks;
  now.metadata_bytes = tables.metadata_bytes;
  heapprof::cpu::CpuStats cpu = heapprof::cpu::GetCpuStats();
  now.cpu_samples = cpu.samples;
  now.lost_cpu_samples = cpu.lost;
  now.cpu_timer_fallbacks = cpu.fallbacks;
  now.dumps = dumps.dumps;
  now.failed_dumps = dumps.failed_dumps;
  const size_t known = now.size < sizeof(now) ? now.size : sizeof(now);
  memcpy(stats, &now, known);
  memset(reinterpret_cast<char*>(stats) + known, 0, now.size - known);
  return 0;
}

}  // extern "C"
