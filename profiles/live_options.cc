// SPDX-License-Identifier: Apache-2.0
#include "profiles/live_options.h"

#include <errno.h>
#include <string.h>

#include <atomic>

#include "base/option_text.h"
#include "base/options.h"
#include "base/system/process_copy.h"
#include "profiles/dump.h"
#include "profiles/dump_triggers.h"
#include "sampling/contention/contention.h"
#include "sampling/recorder.h"

namespace heapprof {
namespace {

std::atomic<int (*)(uint64_t)> g_set_contention_interval{nullptr};

int SetContention(uint64_t nanos) {
  // acquire: with SetContentionSwitch.
  auto* set = g_set_contention_interval.load(std::memory_order_acquire);
  return set != nullptr ? set(nanos) : -ENOTSUP;
}

// The options that can change: how to tell what is in force, and how to put what was read in force.
struct LiveOption {
  const char* name;
  void (*put)(TextWriter* text);
  int (*set)(const Options& read);
};
constexpr LiveOption kLive[] = {
    {"sample_interval", [](TextWriter* text) { PutSize(recorder::Interval(), text); },
     [](const Options& read) {
       recorder::SetInterval(read.sample_interval);
       return 0;
     }},
    {"contention_interval", [](TextWriter* text) { PutDuration(contention::Interval(), text); },
     [](const Options& read) { return SetContention(read.contention_interval); }},
    {"dump_every", [](TextWriter* text) { PutDuration(ProcessDumpTriggers().every(), text); },
     [](const Options& read) {
       ProcessDumpTriggers().SetEvery(read.dump_every);
       return 0;
     }},
    {"dump_every_allocated", [](TextWriter* text) { PutSize(ProcessDumpTriggers().every_allocated(), text); },
     [](const Options& read) {
       ProcessDumpTriggers().SetEveryAllocated(read.dump_every_allocated);
       return 0;
     }},
    {"dump_on_growth", [](TextWriter* text) { PutSize(ProcessDumpTriggers().on_growth(), text); },
     [](const Options& read) {
       ProcessDumpTriggers().SetOnGrowth(read.dump_on_growth);
       return 0;
     }},
    {"dump_at_memory", [](TextWriter* text) { ProcessDumpTriggers().PutAtMemory(text); },
     [](const Options& read) {
       ProcessDumpTriggers().SetAtMemory(read.dump_at_memory, read.dump_at_memory_percent);
       return 0;
     }},
    {"keep_dumps", [](TextWriter* text) { text->UDec(KeptDumps()); },
     [](const Options& read) {
       KeepDumps(read.keep_dumps);
       return 0;
     }},
};

int Find(const char* name, const char* value, Options* read, const LiveOption** found) {
  const OptionVerdict verdict = ReadOption(name, value, read);
  if (verdict == OptionVerdict::kUnknown) return -ENOENT;
  for (const LiveOption& live : kLive) {
    if (strcmp(live.name, name) != 0) continue;
    *found = &live;
    return verdict == OptionVerdict::kGood ? 0 : -EINVAL;
  }
  return -EPERM;
}

}  // namespace

bool PutLiveOption(const char* name, TextWriter* text) {
  for (const auto& live : kLive) {
    if (strcmp(live.name, name) != 0) continue;
    live.put(text);
    return true;
  }
  return PutOption(name, GetOptions(), text);
}

int SetLiveOption(const char* name, const char* value) {
  if (name == nullptr || value == nullptr) return -EINVAL;
  AdoptIfCopy();
  Options read;
  const LiveOption* live = nullptr;
  const int error = Find(name, value, &read, &live);
  return error != 0 ? error : live->set(read);
}

int CheckLiveOption(const char* name, const char* value) {
  Options read;
  const LiveOption* live = nullptr;
  return Find(name, value, &read, &live);
}

void SetContentionSwitch(int (*set)(uint64_t nanos)) {
  // release: what it needs is there.
  g_set_contention_interval.store(set, std::memory_order_release);
}

}  // namespace heapprof
