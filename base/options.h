// SPDX-License-Identifier: Apache-2.0
// The options of a process, as the table in heapprof(1) has them.
//
// Parsed once, before the first sample; read-only afterwards. Of those that may change at run time
// (profiles/live_options.h) the value in force lives where it is used. Thread-safety: reading, yes.
// Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_OPTIONS_H_
#define HEAPPROF_BASE_OPTIONS_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

inline constexpr size_t kPathCapacity = 4096;
inline constexpr size_t kRunCapacity = 48;
inline constexpr size_t kAddressCapacity = 256;

// What the check at exit reports: blocks that nothing points to any more, or all that are left.
enum class LeakCheck : uint8_t { kOff, kUnreachable, kLive };

// What makes a CPU profile's ticks (sampling/cpu/thread_clock.h). kAuto: timers, and above the kernel's tick
// events, where those may count kernel time and cost little.
enum class CpuClock { kAuto, kTimer, kEvent };

struct Options {
  uint64_t sample_interval = 512 << 10;
  uint32_t max_frames = 128;
  char output[kPathCapacity] = "heapprof.%p.%n";
  int dump_signal = -1;        // -1: SIGUSR2, the default; set by ParseOptions, 0 = none
  int thread_dump_signal = 0;  // 0 = none
  bool dump_at_exit = false;
  uint64_t dump_every = 0;              // nanoseconds; 0 = off, as the next four
  uint64_t dump_every_allocated = 0;    // bytes
  uint64_t dump_on_growth = 0;          // bytes
  uint64_t dump_at_memory = 0;          // bytes, or
  uint32_t dump_at_memory_percent = 0;  // of what the process may have
  uint64_t keep_dumps = 0;              // files; 0 = all
  int cpu_hz = 100;
  bool cpu_at_start = false;
  int cpu_signal = 0;  // 0 = none
  CpuClock cpu_clock = CpuClock::kAuto;
  int wall_hz = 20;
  bool wall_at_start = false;
  uint64_t contention_interval = 0;  // ns; 0: no profiles of waits
  bool mapping_stacks = true;        // memory that the program maps is known by stack
  char http[kAddressCapacity] = "";  // "": none
  uint64_t metadata_limit = 256u << 20;
  uint64_t seed = 0;
  bool children = true;  // programs that this one starts are profiled, too
  bool lifetimes = false;
  bool verbose = false;
  LeakCheck leak_check = LeakCheck::kOff;
  int exitcode = 23;
  char suppressions[kPathCapacity] = "";  // "": none
  char log_path[kPathCapacity] = "";      // "": stderr
  // What was given, and so stands over what leak_check implies: every allocation, no bound on the tables.
  bool sample_interval_given = false;
  bool metadata_limit_given = false;
  // HEAPPROF_RUN: which `heapprof run` this process belongs to. Every profile says it. "": none.
  char run[kRunCapacity] = "";
};

// What a line about a bad option is given to. `line` has no newline.
using OptionComplaint = void (*)(const char* line);

// Reads `text` ("key=value:key=value", separators `:` `,` and white space, values may be quoted with ' or ")
// into `options`. `source` names where it came from in complaints. An unknown key or a bad value: one
// complaint that names it, and the field keeps its value.
void ParseOptions(const char* text, const char* source, Options* options, OptionComplaint complain);

// Reads the value of one option into its field, which keeps what it has where the value is bad.
enum class OptionVerdict { kGood, kBad, kUnknown };
OptionVerdict ReadOption(const char* name, const char* value, Options* options);

// The options of this process. Set by InitOptions.
const Options& GetOptions();

// The sample interval that a peer's settings ask for, before the first sample. What was given in options, and
// what a leak check implies, stands over it: false then.
bool DefaultSampleInterval(uint64_t bytes);

// Reads out of LeakSanitizer's options, which CTest sets, what the leak check shares with it: log_path,
// suppressions, exitcode; detect_leaks=0 switches the check off. The rest is passed over, in one
// complaint.
void ParseSanitizerOptions(const char* text, Options* options, OptionComplaint complain);

// Parses heapprof_default_options() and then, unless the process runs under AT_SECURE, HEAPPROF_OPTIONS out
// of `envp`, and HEAPPROF_RUN. With leak_check on, LSAN_OPTIONS stands between the two. Call once.
void InitOptions(const char* program_defaults, char** envp, bool secure);

}  // namespace heapprof

#endif  // HEAPPROF_BASE_OPTIONS_H_
