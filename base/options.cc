// SPDX-License-Identifier: Apache-2.0
#include "base/options.h"

#include <signal.h>
#include <string.h>

#include <initializer_list>

#include "base/duration_text.h"
#include "base/limits.h"
#include "base/size_text.h"
#include "base/text.h"

namespace heapprof {
namespace {

Options g_options;

struct Span {
  const char* data;
  size_t size;
  bool Is(const char* text) const { return strlen(text) == size && memcmp(text, data, size) == 0; }
};

bool IsSeparator(char c) { return c == ':' || c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool ParseSize(Span text, uint64_t max, uint64_t* value) {
  return ReadSize(text.data, text.size, max, value);
}

// At most a year. A dump takes milliseconds: "5" is somebody's five seconds, and not five nanoseconds.
bool ParseDumpEvery(Span text, uint64_t* value) {
  constexpr uint64_t kMillisecond = 1'000'000, kYear = 366 * 24 * uint64_t{3'600'000'000'000};
  uint64_t nanos;
  if (!ReadDuration(text.data, text.size, kYear, &nanos) || (nanos != 0 && nanos < kMillisecond))
    return false;
  *value = nanos;
  return true;
}

bool ParseBool(Span text, bool* value) {
  if (text.Is("1") || text.Is("true") || text.Is("yes") || text.Is("on")) {
    *value = true;
  } else if (text.Is("0") || text.Is("false") || text.Is("no") || text.Is("off")) {
    *value = false;
  } else {
    return false;
  }
  return true;
}

// "SIGUSR2", "USR2" or a number; 0 or "none" = none. Signals that cannot be caught are refused, and so are
// those that tell of a fault: returning from their handler repeats it.
bool ParseSignal(Span text, int* value) {
  static constexpr struct {
    const char* name;
    int number;
  } kNames[] = {{"HUP", SIGHUP},     {"INT", SIGINT},   {"QUIT", SIGQUIT},     {"USR1", SIGUSR1},
                {"USR2", SIGUSR2},   {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},     {"TERM", SIGTERM},
                {"CHLD", SIGCHLD},   {"URG", SIGURG},   {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF},
                {"WINCH", SIGWINCH}, {"IO", SIGIO},     {"PWR", SIGPWR}};
  if (text.Is("none")) {
    *value = 0;
    return true;
  }
  Span name = text;
  if (name.size > 3 && memcmp(name.data, "SIG", 3) == 0) name = {name.data + 3, name.size - 3};
  for (const auto& known : kNames) {
    if (name.Is(known.name)) {
      *value = known.number;
      return true;
    }
  }
  uint64_t number;
  constexpr uint64_t kLastSignal = 64;
  if (!ParseSize(text, kLastSignal, &number)) return false;
  int signal = static_cast<int>(number);
  for (int refused : {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, 32, 33}) {
    if (signal == refused) return false;
  }
  *value = signal;
  return true;
}

bool CopyText(Span value, char* to, size_t capacity) {
  if (value.size >= capacity) return false;
  memcpy(to, value.data, value.size);
  to[value.size] = '\0';
  return true;
}

bool CopyPath(Span value, char* path) { return CopyText(value, path, kPathCapacity); }

// "stderr" is what there is without: the empty path.
bool CopyLogPath(Span value, char* path) {
  if (value.Is("stderr")) value.size = 0;
  return CopyPath(value, path);
}

bool ParseLeakCheck(Span value, LeakCheck* check) {
  if (value.Is("0")) {
    *check = LeakCheck::kOff;
  } else if (value.Is("unreachable")) {
    *check = LeakCheck::kUnreachable;
  } else if (value.Is("live")) {
    *check = LeakCheck::kLive;
  } else {
    return false;
  }
  return true;
}

bool ParseCpuClock(Span value, CpuClock* clock) {
  if (value.Is("auto")) {
    *clock = CpuClock::kAuto;
  } else if (value.Is("timer")) {
    *clock = CpuClock::kTimer;
  } else if (value.Is("event")) {
    *clock = CpuClock::kEvent;
  } else {
    return false;
  }
  return true;
}

bool ParseHz(Span value, int* hz) {
  uint64_t number;
  if (!ParseSize(value, kMaxCpuHz, &number) || number < kMinCpuHz) return false;
  *hz = static_cast<int>(number);
  return true;
}

bool ParseChildren(Span value, bool* children) {
  if (value.Is("all")) {
    *children = true;
  } else if (value.Is("no")) {
    *children = false;
  } else {
    return false;
  }
  return true;
}

bool ParseExitCode(Span value, int* code) {
  uint64_t number;
  constexpr uint64_t kMax = 255;
  if (!ParseSize(value, kMax, &number)) return false;
  *code = static_cast<int>(number);
  return true;
}

// SIZE, or "80%" of what the process may have.
bool ParseMemory(Span value, Options* options) {
  constexpr uint64_t kMax = uint64_t{1} << 47, kWhole = 100;
  const bool is_percent = value.size != 0 && value.data[value.size - 1] == '%';
  uint64_t number;
  if (is_percent) --value.size;
  if (!ParseSize(value, is_percent ? kWhole : kMax, &number)) return false;
  options->dump_at_memory = is_percent ? 0 : number;
  options->dump_at_memory_percent = is_percent ? static_cast<uint32_t>(number) : 0;
  return true;
}

using Verdict = OptionVerdict;

Verdict SetOption(Span key, Span value, Options* options) {
  auto verdict = [](bool good) { return good ? Verdict::kGood : Verdict::kBad; };
  constexpr uint64_t kMaxInterval = uint64_t{1} << 47;
  if (key.Is("sample_interval")) {
    bool good = ParseSize(value, kMaxInterval, &options->sample_interval);
    options->sample_interval_given |= good;
    return verdict(good);
  }
  if (key.Is("max_frames")) {
    uint64_t frames;
    if (!ParseSize(value, kMaxStackFrames, &frames) || frames == 0) return Verdict::kBad;
    options->max_frames = static_cast<uint32_t>(frames);
    return Verdict::kGood;
  }
  if (key.Is("output")) return verdict(value.size != 0 && CopyPath(value, options->output));
  if (key.Is("dump_signal")) return verdict(ParseSignal(value, &options->dump_signal));
  if (key.Is("thread_dump_signal")) return verdict(ParseSignal(value, &options->thread_dump_signal));
  if (key.Is("dump_every")) return verdict(ParseDumpEvery(value, &options->dump_every));
  if (key.Is("dump_every_allocated"))
    return verdict(ParseSize(value, kMaxInterval, &options->dump_every_allocated));
  if (key.Is("dump_on_growth")) return verdict(ParseSize(value, kMaxInterval, &options->dump_on_growth));
  if (key.Is("dump_at_memory")) return verdict(ParseMemory(value, options));
  if (key.Is("keep_dumps")) return verdict(ParseSize(value, UINT32_MAX, &options->keep_dumps));
  if (key.Is("dump_at_exit")) return verdict(ParseBool(value, &options->dump_at_exit));
  if (key.Is("cpu_hz")) return verdict(ParseHz(value, &options->cpu_hz));
  if (key.Is("wall_hz")) return verdict(ParseHz(value, &options->wall_hz));
  if (key.Is("wall_at_start")) return verdict(ParseBool(value, &options->wall_at_start));
  if (key.Is("cpu_clock")) return verdict(ParseCpuClock(value, &options->cpu_clock));
  if (key.Is("cpu_at_start")) return verdict(ParseBool(value, &options->cpu_at_start));
  if (key.Is("cpu_signal")) return verdict(ParseSignal(value, &options->cpu_signal));
  if (key.Is("contention_interval")) {
    return verdict(
        ReadDuration(value.data, value.size, kMaxContentionInterval, &options->contention_interval));
  }
  if (key.Is("mapping_stacks")) return verdict(ParseBool(value, &options->mapping_stacks));
  if (key.Is("http")) return verdict(CopyText(value, options->http, sizeof(options->http)));
  if (key.Is("metadata_limit")) {
    uint64_t limit;
    constexpr uint64_t kMin = 1 << 20, kMax = uint64_t{1} << 40;
    if (!ParseSize(value, kMax, &limit) || limit < kMin) return Verdict::kBad;
    options->metadata_limit = limit;
    options->metadata_limit_given = true;
    return Verdict::kGood;
  }
  if (key.Is("seed")) return verdict(ParseSize(value, UINT64_MAX, &options->seed));
  if (key.Is("children")) return verdict(ParseChildren(value, &options->children));
  if (key.Is("lifetimes")) return verdict(ParseBool(value, &options->lifetimes));
  if (key.Is("verbose")) return verdict(ParseBool(value, &options->verbose));
  if (key.Is("leak_check")) return verdict(ParseLeakCheck(value, &options->leak_check));
  if (key.Is("exitcode")) return verdict(ParseExitCode(value, &options->exitcode));
  if (key.Is("suppressions")) return verdict(CopyPath(value, options->suppressions));
  if (key.Is("log_path")) return verdict(CopyLogPath(value, options->log_path));
  return Verdict::kUnknown;
}

// Colons are a part of addresses ("127.0.0.1:6060", "[::1]:6060", "unix:/run/x.sock"), as long as no "key="
// follows.
const char* EndOfAddress(const char* at) {
  const bool in_brackets = *at == '[';
  while (in_brackets && *at != '\0' && *at != ']' && (*at == ':' || !IsSeparator(*at))) ++at;
  while (*at != '\0' && !IsSeparator(*at)) ++at;
  while (*at == ':') {
    const char* next = at + 1;
    while (*next != '\0' && *next != '=' && !IsSeparator(*next)) ++next;
    if (*next == '=' || next == at + 1) break;
    at = next;
  }
  return at;
}

// Cuts the next "key=value" off `*text`. The value's quotes are taken off; `*closed` tells whether both are
// there. False at the end.
bool NextPair(const char** text, Span* key, Span* value, bool* has_value, bool* closed) {
  const char* at = *text;
  while (*at != '\0' && IsSeparator(*at)) ++at;
  if (*at == '\0') return false;
  key->data = at;
  while (*at != '\0' && *at != '=' && !IsSeparator(*at)) ++at;
  key->size = static_cast<size_t>(at - key->data);
  *has_value = *at == '=';
  *closed = true;
  *value = {at, 0};
  if (*has_value) {
    ++at;
    if (*at == '\'' || *at == '"') {
      char quote = *at++;
      value->data = at;
      while (*at != '\0' && *at != quote) ++at;
      value->size = static_cast<size_t>(at - value->data);
      *closed = *at == quote;
      if (*closed) ++at;
    } else {
      value->data = at;
      while (*at != '\0' && !IsSeparator(*at)) ++at;
      if (key->Is("http")) at = EndOfAddress(value->data);
      value->size = static_cast<size_t>(at - value->data);
    }
  }
  *text = at;
  return true;
}

void SayComplaint(const char* line) { Say(line); }

}  // namespace

OptionVerdict ReadOption(const char* name, const char* value, Options* options) {
  return SetOption({name, strlen(name)}, {value, strlen(value)}, options);
}

void ParseOptions(const char* text, const char* source, Options* options, OptionComplaint complain) {
  Span key, value;
  bool has_value, closed;
  while (NextPair(&text, &key, &value, &has_value, &closed)) {
    Verdict verdict = has_value && closed ? SetOption(key, value, options) : Verdict::kBad;
    if (verdict == Verdict::kGood) continue;
    if (!has_value || !closed) {
      Options scratch;
      if (SetOption(key, {"", 0}, &scratch) == Verdict::kUnknown) verdict = Verdict::kUnknown;
    }
    Text<512> line;
    line.Str(source).Str(": ");
    if (verdict == Verdict::kBad && !closed) {
      line.Str("the quote of option '").Str(key.data, key.size).Str("' is not closed: it is ignored");
    } else if (verdict == Verdict::kUnknown) {
      line.Str("unknown option '").Str(key.data, key.size).Str("' is ignored; heapprof(1) lists the options");
    } else {
      line.Str("bad value '").Str(value.data, value.size < 200 ? value.size : 200).Str("' of option '");
      line.Str(key.data, key.size).Str("' is ignored; the default stays");
    }
    complain(line.data());
  }
}

void ParseSanitizerOptions(const char* text, Options* options, OptionComplaint complain) {
  Span key, value;
  bool has_value, closed;
  Text<512> line;
  int passed_over = 0;
  while (NextPair(&text, &key, &value, &has_value, &closed)) {
    bool on, good = has_value && closed;
    if (good && key.Is("log_path")) {
      good = CopyLogPath(value, options->log_path);
    } else if (good && key.Is("suppressions")) {
      good = CopyPath(value, options->suppressions);
    } else if (good && key.Is("exitcode")) {
      good = ParseExitCode(value, &options->exitcode);
    } else if (good && key.Is("detect_leaks") && ParseBool(value, &on)) {
      if (!on) options->leak_check = LeakCheck::kOff;
    } else {
      good = false;
    }
    if (good) continue;
    line.Str(passed_over++ == 0 ? "LSAN_OPTIONS: passed over: " : ", ").Str(key.data, key.size);
    if (has_value) line.Str("=").Str(value.data, value.size);
  }
  if (passed_over > 0) complain(line.data());
}

const Options& GetOptions() { return g_options; }

bool DefaultSampleInterval(uint64_t bytes) {
  if (g_options.sample_interval_given || g_options.leak_check != LeakCheck::kOff) return false;
  g_options.sample_interval = bytes;
  return true;
}

namespace {

// The value of the variable whose name with its "=" is given; nullptr if there is none.
const char* FindValue(char** envp, const char* name) {
  size_t length = strlen(name);
  for (char** variable = envp; envp != nullptr && *variable != nullptr; ++variable) {
    if (strncmp(*variable, name, length) == 0) return *variable + length;
  }
  return nullptr;
}

void Silence(const char*) {}

// A text that is not of the command's making is left out: it would go into every profile.
void CopyRun(const char* value, char (&run)[kRunCapacity]) {
  if (value == nullptr) return;
  size_t size = 0;
  while (value[size] != '\0' && strchr("0123456789abcdef.", value[size]) != nullptr) ++size;
  if (value[size] == '\0' && size < kRunCapacity) memcpy(run, value, size + 1);
}

}  // namespace

void InitOptions(const char* program_defaults, char** envp, bool secure) {
  if (program_defaults != nullptr) {
    ParseOptions(program_defaults, "heapprof_default_options", &g_options, SayComplaint);
  }
  const char* variable = secure ? nullptr : FindValue(envp, "HEAPPROF_OPTIONS=");
  if (!secure) CopyRun(FindValue(envp, "HEAPPROF_RUN="), g_options.run);
  if (variable != nullptr) ParseOptions(variable, "HEAPPROF_OPTIONS", &g_options, SayComplaint);
  if (g_options.leak_check != LeakCheck::kOff) {
    if (const char* sanitizer = secure ? nullptr : FindValue(envp, "LSAN_OPTIONS=")) {
      ParseSanitizerOptions(sanitizer, &g_options, SayComplaint);
      LeakCheck check = g_options.leak_check;
      if (variable != nullptr) ParseOptions(variable, "HEAPPROF_OPTIONS", &g_options, Silence);
      g_options.leak_check = check;
    }
    if (!g_options.sample_interval_given) g_options.sample_interval = 1;
    // A block that found no room in the tables would be taken for a leak's accomplice: no bound but a given
    // one.
    if (!g_options.metadata_limit_given) g_options.metadata_limit = uint64_t{1} << 40;
  }
  // A privileged program that merely carries the library gets no handler that a stranger's kill could reach.
  if (g_options.dump_signal < 0) g_options.dump_signal = secure ? 0 : SIGUSR2;
  if (g_options.thread_dump_signal != 0 && g_options.thread_dump_signal == g_options.dump_signal) {
    g_options.thread_dump_signal = 0;
    Say("thread_dump_signal is ignored: the same signal is dump_signal");
  }
  if (g_options.cpu_signal != 0 && g_options.cpu_signal == g_options.thread_dump_signal) {
    g_options.cpu_signal = 0;
    Say("cpu_signal is ignored: the same signal is thread_dump_signal");
  }
  if (g_options.cpu_signal != 0 && g_options.cpu_signal == g_options.dump_signal) {
    g_options.cpu_signal = 0;
    Say("cpu_signal is ignored: the same signal is dump_signal");
  }
}

}  // namespace heapprof
