// SPDX-License-Identifier: Apache-2.0
#include "base/option_text.h"

#include <string.h>

namespace heapprof {
namespace {

using Put = void (*)(const Options& options, TextWriter* text);

void PutBool(bool value, TextWriter* text) { text->Char(value ? '1' : '0'); }

void PutMemory(const Options& options, TextWriter* text) {
  if (options.dump_at_memory_percent == 0) return PutSize(options.dump_at_memory, text);
  text->UDec(options.dump_at_memory_percent).Char('%');
}

void PutClock(const Options& options, TextWriter* text) {
  text->Str(options.cpu_clock == CpuClock::kAuto    ? "auto"
            : options.cpu_clock == CpuClock::kTimer ? "timer"
                                                    : "event");
}

void PutLeakCheck(const Options& options, TextWriter* text) {
  text->Str(options.leak_check == LeakCheck::kOff           ? "0"
            : options.leak_check == LeakCheck::kUnreachable ? "unreachable"
                                                            : "live");
}

void PutLogPath(const Options& options, TextWriter* text) {
  text->Str(options.log_path[0] == '\0' ? "stderr" : options.log_path);
}

constexpr struct {
  const char* name;
  Put put;
} kOptions[] = {
    {"sample_interval", [](const Options& o, TextWriter* t) { PutSize(o.sample_interval, t); }},
    {"max_frames", [](const Options& o, TextWriter* t) { t->UDec(o.max_frames); }},
    {"output", [](const Options& o, TextWriter* t) { t->Str(o.output); }},
    {"dump_signal", [](const Options& o, TextWriter* t) { t->Dec(o.dump_signal); }},
    {"dump_every", [](const Options& o, TextWriter* t) { PutDuration(o.dump_every, t); }},
    {"dump_every_allocated", [](const Options& o, TextWriter* t) { PutSize(o.dump_every_allocated, t); }},
    {"dump_on_growth", [](const Options& o, TextWriter* t) { PutSize(o.dump_on_growth, t); }},
    {"dump_at_memory", PutMemory},
    {"keep_dumps", [](const Options& o, TextWriter* t) { t->UDec(o.keep_dumps); }},
    {"thread_dump_signal", [](const Options& o, TextWriter* t) { t->Dec(o.thread_dump_signal); }},
    {"dump_at_exit", [](const Options& o, TextWriter* t) { PutBool(o.dump_at_exit, t); }},
    {"cpu_hz", [](const Options& o, TextWriter* t) { t->Dec(o.cpu_hz); }},
    {"cpu_at_start", [](const Options& o, TextWriter* t) { PutBool(o.cpu_at_start, t); }},
    {"cpu_signal", [](const Options& o, TextWriter* t) { t->Dec(o.cpu_signal); }},
    {"cpu_clock", PutClock},
    {"wall_hz", [](const Options& o, TextWriter* t) { t->Dec(o.wall_hz); }},
    {"wall_at_start", [](const Options& o, TextWriter* t) { PutBool(o.wall_at_start, t); }},
    {"contention_interval", [](const Options& o, TextWriter* t) { PutDuration(o.contention_interval, t); }},
    {"mapping_stacks", [](const Options& o, TextWriter* t) { PutBool(o.mapping_stacks, t); }},
    {"http", [](const Options& o, TextWriter* t) { t->Str(o.http); }},
    {"metadata_limit", [](const Options& o, TextWriter* t) { PutSize(o.metadata_limit, t); }},
    {"seed", [](const Options& o, TextWriter* t) { t->UDec(o.seed); }},
    {"children", [](const Options& o, TextWriter* t) { t->Str(o.children ? "all" : "no"); }},
    {"lifetimes", [](const Options& o, TextWriter* t) { PutBool(o.lifetimes, t); }},
    {"verbose", [](const Options& o, TextWriter* t) { PutBool(o.verbose, t); }},
    {"leak_check", PutLeakCheck},
    {"exitcode", [](const Options& o, TextWriter* t) { t->Dec(o.exitcode); }},
    {"suppressions", [](const Options& o, TextWriter* t) { t->Str(o.suppressions); }},
    {"log_path", PutLogPath},
};
constexpr size_t kCount = sizeof kOptions / sizeof kOptions[0];

}  // namespace

const char* OptionName(size_t index) { return index < kCount ? kOptions[index].name : nullptr; }

bool PutOption(const char* name, const Options& options, TextWriter* text) {
  for (const auto& option : kOptions) {
    if (strcmp(option.name, name) != 0) continue;
    option.put(options, text);
    return true;
  }
  return false;
}

void PutSize(uint64_t bytes, TextWriter* text) {
  static constexpr struct {
    int shift;
    char suffix;
  } kUnits[] = {{30, 'g'}, {20, 'm'}, {10, 'k'}};
  for (const auto& unit : kUnits) {
    if (bytes == 0 || bytes % (uint64_t{1} << unit.shift) != 0) continue;
    text->UDec(bytes >> unit.shift).Char(unit.suffix);
    return;
  }
  text->UDec(bytes);
}

void PutDuration(uint64_t nanos, TextWriter* text) {
  static constexpr struct {
    uint64_t nanos;
    const char* name;
  } kUnits[] = {{3'600'000'000'000, "h"}, {60'000'000'000, "m"}, {1'000'000'000, "s"},
                {1'000'000, "ms"},        {1'000, "us"},         {1, "ns"}};
  for (const auto& unit : kUnits) {
    if (nanos == 0 || nanos % unit.nanos != 0) continue;
    text->UDec(nanos / unit.nanos).Str(unit.name);
    return;
  }
  text->UDec(nanos);
}

}  // namespace heapprof
