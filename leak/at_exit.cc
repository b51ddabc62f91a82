// SPDX-License-Identifier: Apache-2.0
#include "leak/at_exit.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/syscall.h>

#include <atomic>
#include <initializer_list>

#include "base/options.h"
#include "base/system/kept_stderr.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "leak/check.h"
#include "leak/program_symbols.h"
#include "leak/search/roots.h"
#include "profiles/output/dump_file.h"
#include "proto/descriptor_sink.h"
#include "sampling/heap/heap_tables.h"
#include "sampling/recorder.h"

extern "C" {
__attribute__((weak)) const char* heapprof_default_suppressions(void);
__attribute__((weak)) const char* __lsan_default_suppressions(void);
__attribute__((weak)) int __lsan_is_turned_off(void);
// Of a sanitizer, which then does the checking.
__attribute__((weak)) void __asan_init(void);
__attribute__((weak)) void __lsan_init(void);
__attribute__((weak)) void __hwasan_init(void);
__attribute__((weak)) void __msan_init(void);
__attribute__((weak)) void __tsan_init(void);
// Made by the linker: our own image.
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));
// libc's list of open streams.
extern FILE* _IO_list_all;
}

namespace heapprof::leak {
namespace {

std::atomic<bool> g_done{false};
bool g_on;
char g_log_path[kPathCapacity];  // absolute; "": stderr
std::atomic<uint32_t> g_profiles{0};

bool HasSanitizer() {
  return __asan_init != nullptr || __lsan_init != nullptr || __hwasan_init != nullptr ||
         __msan_init != nullptr || __tsan_init != nullptr;
}

// Whether the program's calls of malloc end here, and not in a function of its own or of a library that comes
// before this one. Such a function may pass its calls on: it is asked for a block.
bool MallocIsOurs() {
  auto* allocate = reinterpret_cast<void* (*)(size_t)>(dlsym(RTLD_DEFAULT, "malloc"));
  auto* release = reinterpret_cast<void (*)(void*)>(dlsym(RTLD_DEFAULT, "free"));
  if (allocate == nullptr || release == nullptr) return true;  // without a loader
  auto address = reinterpret_cast<uintptr_t>(allocate);
  if (address >= reinterpret_cast<uintptr_t>(__ehdr_start) && address < reinterpret_cast<uintptr_t>(_end)) {
    return true;
  }
  void* block = allocate(1);
  bool ours = LiveSamples().Find(reinterpret_cast<uintptr_t>(block)) != 0;
  release(block);
  return ours;
}

void MakeAbsolute(const char* path, TextWriter* out) {
  char folder[kPathCapacity];
  if (path[0] != '/' && path[0] != '\0' &&
      RawSyscall(SYS_getcwd, reinterpret_cast<long>(folder), sizeof(folder)) > 0) {
    out->Str(folder).Str("/");
  }
  out->Str(path);
}

// What the program may define, exported or not.
constexpr const char* kNames[] = {"__lsan_default_suppressions", "heapprof_default_suppressions",
                                  "__lsan_is_turned_off"};
struct OwnFunctions {
  const char* (*lsan_suppressions)();
  const char* (*suppressions)();
  int (*is_turned_off)();
};
OwnFunctions g_own;

void FindOwnFunctions() {
  void* found[] = {reinterpret_cast<void*>(__lsan_default_suppressions),
                   reinterpret_cast<void*>(heapprof_default_suppressions),
                   reinterpret_cast<void*>(__lsan_is_turned_off)};
  static_assert(sizeof(found) / sizeof(found[0]) == sizeof(kNames) / sizeof(kNames[0]));
  static_assert(sizeof(found) == sizeof(g_own));
  if (found[0] == nullptr || found[1] == nullptr || found[2] == nullptr) {
    void* in_file[sizeof(kNames) / sizeof(kNames[0])] = {};
    FindProgramFunctions(kNames, in_file, sizeof(kNames) / sizeof(kNames[0]));
    for (size_t i = 0; i < sizeof(kNames) / sizeof(kNames[0]); ++i) {
      if (found[i] == nullptr) found[i] = in_file[i];
    }
  }
  memcpy(&g_own, found, sizeof(g_own));
}

void ReadSuppressions(const Options& options) {
  Suppressions& suppressions = ProcessSuppressions();
  if (options.suppressions[0] != '\0') {
    if (int error = suppressions.AddFile(options.suppressions)) {
      Text<kPathCapacity + 128> line;
      Say(line.Str("cannot read the suppressions ")
              .Str(options.suppressions)
              .Str(": ")
              .Str(ErrnoText(-error)));
    }
  }
  for (const char* (*own)() : {g_own.lsan_suppressions, g_own.suppressions}) {
    const char* text = own != nullptr ? own() : nullptr;
    if (text != nullptr) suppressions.AddCopy(text, own == g_own.suppressions ? kNames[1] : kNames[0]);
  }
}

// The report, to log_path.PID, whole or not at all, or to stderr. An empty one makes an empty file, which
// tells that the check was made.
void Publish(const char* report, size_t size) {
  if (g_log_path[0] == '\0') {
    DescriptorSink sink(StderrNow());
    if (size > 0) sink.Write(report, size);
    return;
  }
  Text<kPathCapacity> path;
  path.Str(g_log_path).Str(".").UDec(static_cast<uint64_t>(RawGetPid()));
  DumpFile file;
  int error = path.cut() ? -ENAMETOOLONG : file.Open(path.data());
  if (error == 0) {
    DescriptorSink sink(file.fd());
    error = file.Close(size > 0 ? sink.Write(report, size) : 0);
  }
  if (error != 0) {
    Text<kPathCapacity + 128> line;
    Say(line.Str("cannot write the leak report ").Str(path.data()).Str(": ").Str(ErrnoText(-error)));
    DescriptorSink sink(StderrNow());
    if (size > 0) sink.Write(report, size);
  }
}

// On stderr, and in the log where a report is expected.
void SayWhyNot(int error, const CheckResult& result) {
  Text<512> line;
  line.Str("no leak check: ");
  if (error == -ENODATA) {
    line.Str(
        "not every allocation was recorded (sample_interval must be 1 from the start, and metadata_limit not "
        "reached)");
  } else if (error == -EOPNOTSUPP) {
    line.Str("the program brings its own malloc, whose blocks heapprof does not see");
  } else if (error == -EBUSY) {
    line.Str("thread ").Dec(result.running_thread);
    if (result.running_threads > 1) line.Str(" and ").UDec(result.running_threads - 1).Str(" more");
    line.Str(
        " could not be stopped, and may change what is looked at (a thread that blocks all signals can "
        "only be stopped where ptrace is allowed)");
  } else {
    line.Str(ErrnoText(-error));
  }
  Say(line);
  if (g_log_path[0] == '\0') return;
  Text<512> text;
  text.Str("heapprof: ").Str(line.data()).Str("\n");
  Publish(text.data(), text.size());
}

// exit() writes out what streams hold, and does not wait for the lock of one that another thread is in; so do
// we.
void FlushStreams() {
  for (FILE* stream = _IO_list_all; stream != nullptr; stream = stream->_chain) {
    if (ftrylockfile(stream) != 0) continue;
    if (__fpending(stream) > 0) fflush_unlocked(stream);
    funlockfile(stream);
  }
}

int CheckAtExit(void*, const SavedRegisters* caller) {
  if (g_on) CheckOnce(*caller);
  return 0;
}

// After all other destructors of the library, which may write profiles.
__attribute__((destructor(101))) void AtExit() { CallWithRegisters(CheckAtExit, nullptr); }

void CheckOnStack(void* not_clean, const SavedRegisters& caller) {
  const Options& options = GetOptions();
  MemorySink report;
  CheckRequest request;
  CheckResult result;
  request.list_live = options.leak_check == LeakCheck::kLive;
  request.text = &report;
  Text<kPathCapacity> profile;
  uint32_t number = g_profiles.load(std::memory_order_relaxed) + 1;
  if (ExpandPattern(options.output, number, ".leak.pb.gz", &profile)) request.profile = profile.data();
  if (int error = RunCheck(request, caller, &result)) return SayWhyNot(error, result);
  bool any = result.leaked_blocks + result.live_blocks > 0;
  if (any && request.profile != nullptr && result.profile_error == 0) {
    Text<kPathCapacity + 64> line;
    line.Str("heapprof: as a profile: ").Str(profile.data()).Str("\n");
    report.Write(line.data(), line.size());
  }
  Publish(report.data(), report.size());
  *static_cast<bool*>(not_clean) = any;
  if (!any || request.profile == nullptr) return;
  Text<kPathCapacity + 128> line;
  if (result.profile_error != 0) {
    Say(line.Str("cannot write the leak profile ")
            .Str(profile.data())
            .Str(": ")
            .Str(ErrnoText(-result.profile_error)));
  } else {
    g_profiles.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

void InstallLeakCheck() {
  InitRoots();
  const Options& options = GetOptions();
  g_on = options.leak_check != LeakCheck::kOff && !HasSanitizer();
  if (options.leak_check != LeakCheck::kOff && !g_on) {
    // Where we are preloaded the allocations are ours, and the sanitizer finds no leaks either.
    Say("no leak check: the program has a sanitizer of its own, which must run without libheapprof "
        "preloaded, as heapprof check has it");
  }
  if (!g_on) return;
  // Whoever names a file has no descriptor held open, which may be a pipe that somebody reads to its end.
  if (options.log_path[0] == '\0') KeepStderr();
  if (recorder::RecordsEverything() && !MallocIsOurs()) ProgramHasOwnMalloc();
  TextWriter log_path(g_log_path, sizeof g_log_path);
  MakeAbsolute(options.log_path, &log_path);
  FindOwnFunctions();
  ReadSuppressions(options);
}

bool CheckAndReport(const SavedRegisters& caller) {
  bool not_clean = true;  // for as long as nobody has looked
  OnCheckStack(CheckOnStack, &not_clean, caller);
  return not_clean;
}

void CheckOnce(const SavedRegisters& caller) {
  if (g_done.exchange(true, std::memory_order_acq_rel)) return;
  if (g_own.is_turned_off != nullptr && g_own.is_turned_off() != 0) return;
  int status = GetOptions().exitcode;
  if (CheckAndReport(caller) && status != 0) EndWithStatus(status);
}

void EndWithStatus(int status) {
  FlushStreams();
  for (;;) RawSyscall(SYS_exit_group, status);
}

}  // namespace heapprof::leak
