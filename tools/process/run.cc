// SPDX-License-Identifier: Apache-2.0
#include "tools/process/run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "base/older_libc.h"
#include "tools/base/failure.h"
#include "tools/process/library_path.h"
#include "tools/process/output_pattern.h"
#include "tools/process/run_later.h"
#include "tools/process/run_symbols.h"
#include "tools/process/supervise.h"
#include "tools/symbols/elf_file.h"

namespace heapprof::tools {
namespace {

namespace fs = std::filesystem;

std::string Environment(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

// The file that execvp will execute, "" if there is none. execvp decides by itself again: this one is for
// messages only.
std::string FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = getenv("PATH");
  const std::string folders = path == nullptr ? "/bin:/usr/bin" : path;
  for (size_t begin = 0; begin <= folders.size();) {
    const size_t end = std::min(folders.find(':', begin), folders.size());
    const std::string folder = folders.substr(begin, end - begin);
    std::string file = folder;
    if (!folder.empty()) file += '/';
    file += name;
    struct stat status;
    if (access(file.c_str(), X_OK) == 0 && stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      return file;
    }
    begin = end + 1;
  }
  return "";
}

// The interpreter that a script's first line names, or `file` itself.
std::string InterpreterOf(const std::string& file) {
  char head[256] = {};
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return file;
  const ssize_t got = read(fd, head, sizeof head - 1);
  close(fd);
  if (got < 3 || head[0] != '#' || head[1] != '!') return file;
  const std::string line(head + 2);
  const size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string::npos) return file;
  return line.substr(begin, line.find_first_of(" \t\r\n", begin) - begin);
}

constexpr char kIsStatic[] = "is statically linked";

// Why the loader would not preload the library into `file`; empty if it would.
std::string WhyNotPreloaded(const std::string& file) {
  struct stat status;
  if (stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return "";
  const bool other_user = (status.st_mode & S_ISUID) != 0 && status.st_uid != getuid();
  // Without group execution the bit once meant mandatory locking.
  const bool other_group =
      (status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0 && status.st_gid != getgid();
  if (other_user || other_group) return "is a set-user-ID or set-group-ID program";
  if (getuid() != 0 && getxattr(file.c_str(), "security.capability", nullptr, 0) > 0) {
    return "has file capabilities";
  }
  uint16_t machine = 0, own_machine = 0;
  const int elf_class = ElfClass(file, &machine);
  if (elf_class == ELFCLASSNONE) return "";
  if (elf_class != ElfClass("/proc/self/exe", &own_machine) || machine != own_machine) {
    return own_machine == 0 ? "" : "is a program for another machine than the library";
  }
  // The loader itself has no interpreter, and preloads into the program that it is given.
  const std::string name = fs::path(file).filename();
  if (name.rfind("ld-", 0) == 0 || name.rfind("ld.so", 0) == 0) return "";
  const auto elf = ElfFile::Open(file);
  if (elf && elf->interpreter().empty() && !elf->carries_library()) return kIsStatic;
  return "";
}

// Alpine's libc is another one than the library's. Its loader does not start a program without all that is to
// be preloaded.
bool IsOfMusl(const std::string& file) {
  const auto elf = ElfFile::Open(file);
  return elf && elf->interpreter().find("ld-musl-") != std::string_view::npos;
}

// The sanitizer that `file` was built with, "" if none. Its runtime is an allocator of its own, which must
// come first, or it sees nothing.
std::string SanitizerOf(const std::string& file) {
  const auto elf = ElfFile::Open(file);
  if (!elf) return "";
  const std::vector<std::pair<std::string_view, const char*>> sanitizers = {
      {"__asan_init", "AddressSanitizer"},
      {"__lsan_init", "LeakSanitizer"},
      {"__tsan_init", "ThreadSanitizer"},
      {"__msan_init", "MemorySanitizer"},
      {"__hwasan_init", "HWAddressSanitizer"}};
  std::vector<std::string_view> names;
  names.reserve(sanitizers.size());
  for (const auto& [name, sanitizer] : sanitizers) names.push_back(name);
  const std::string_view mentioned = elf->FirstMentioned(names);
  for (const auto& [name, sanitizer] : sanitizers) {
    if (name == mentioned) return sanitizer;
  }
  return "";
}

// A program may define malloc itself, and then calls that. One that others see as well may pass on to ours
// what it is asked for, as a program that counts its calls does: the library finds out. One that is hidden
// does not.
enum class OwnMalloc { kNone, kExported, kHidden };

OwnMalloc OwnMallocOf(const std::string& file) {
  const auto elf = ElfFile::Open(file);
  if (!elf || elf->carries_library() || !elf->FindSymbol("malloc") || !elf->FindSymbol("free"))
    return OwnMalloc::kNone;
  return elf->Exports("malloc") ? OwnMalloc::kExported : OwnMalloc::kHidden;
}

void SetEnvironment(const char* name, const std::string& value) {
  if (setenv(name, value.c_str(), 1) != 0) throw Failure(std::string(name) + ": " + ErrorText(errno));
}

// With an audit library (rtld-audit(7)) glibc sets the room for thread-local data aside before it has seen
// what is preloaded, and leaves 512 bytes for that; jemalloc alone needs 2632. glibc keeps what stands
// behind.
void MakeRoomBesideAuditors() {
  if (Environment("LD_AUDIT").empty()) return;
  const std::string tunables = Environment("GLIBC_TUNABLES"), name = "glibc.rtld.optional_static_tls";
  if (tunables.find(name + "=") != std::string::npos) return;
  SetEnvironment("GLIBC_TUNABLES", (tunables.empty() ? "" : tunables + ":") + name + "=8192");
}

// The options as text, `output` made absolute: the program may change its folder before it dumps, and those
// that it starts may be in others from their start.
std::string LibraryOptions(const RunRequest& request) {
  std::string text = MergeOptions(Environment("HEAPPROF_OPTIONS"), request.options);
  const std::vector<OptionPair> pairs = ParseOptionText(text);
  const std::string* given = FindOption(pairs, "output");
  if (given == nullptr && !request.in_this_folder) return text;
  const std::string output = given == nullptr || given->empty() ? kDefaultOutput : *given;
  if (output[0] == '/') return text;
  char folder[PATH_MAX];
  if (getcwd(folder, sizeof folder) == nullptr) {
    throw Failure("--output: the current folder has no name: " + ErrorText(errno));
  }
  return MergeOptions(text, {{"output", LiteralPattern(folder) + "/" + output, ""}});
}

bool IsOn(const std::vector<OptionPair>& options, const char* key) {
  const std::string* value = FindOption(options, key);
  return value != nullptr && *value != "0" && !value->empty();
}

// "SIGTERM"; "signal 40" where it has no name.
std::string NameOf(int signal) {
  const char* name = SignalAbbreviation(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

// What was asked for at the program's end and is not there: a signal may have left it no time, and _exit runs
// nothing of the library's.
void SayWhatIsMissing(const std::string& program, const Ended& ended, const std::vector<OptionPair>& options,
                      const std::vector<std::string>& files) {
  const bool by_signal = WIFSIGNALED(ended.wait_status);
  const int status = WEXITSTATUS(ended.wait_status);
  if (!by_signal && (status == kStatusNotFound || status == kStatusCannotExecute)) return;
  const int signal = by_signal ? WTERMSIG(ended.wait_status) : 0;
  // The library writes before these (profiles/fatal_signals.cc).
  constexpr int kWrittenBefore[] = {0, SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU};
  const bool may_have =
      std::find(std::begin(kWrittenBefore), std::end(kWrittenBefore), signal) != std::end(kWrittenBefore);
  const auto is_missing = [&](const char* option, const std::string& suffix) {
    return IsOn(options, option) &&
           !(may_have && std::any_of(files.begin(), files.end(), [&](const std::string& file) {
               return file.size() > suffix.size() &&
                      file.compare(file.size() - suffix.size(), suffix.size(), suffix) == 0;
             }));
  };
  std::vector<std::string> missing;
  if (is_missing("dump_at_exit", kHeapSuffix)) missing.emplace_back("heap");
  if (is_missing("cpu_at_start", kCpuSuffix)) missing.emplace_back("CPU");
  if (is_missing("wall_at_start", kWallSuffix)) missing.emplace_back("wall-clock");
  if (missing.empty()) return;
  std::string what = missing.front();
  for (size_t i = 1; i < missing.size(); ++i) what += (i + 1 == missing.size() ? " and " : ", ") + missing[i];
  what += missing.size() == 1 ? " profile" : " profiles";
  if (by_signal) {
    Tell(Printable(program) + " was ended by " + NameOf(signal) + ": the " + what +
         " of its end could not be written");
  } else {
    Tell(Printable(program) + " wrote no " + what +
         " at its end: a program that ends by _exit does not, "
         "and one that cannot write says so");
  }
}

// A program that ran to no purpose: nothing asked it for a profile, neither before nor while it ran.
void SayThatNothingWasAsked(const Ended& ended, const std::vector<OptionPair>& options) {
  const bool failed_to_start =
      WIFEXITED(ended.wait_status) && (WEXITSTATUS(ended.wait_status) == kStatusNotFound ||
                                       WEXITSTATUS(ended.wait_status) == kStatusCannotExecute);
  if (failed_to_start) return;
  for (const char* option : {"dump_at_exit", "cpu_at_start", "wall_at_start", "leak_check"}) {
    if (IsOn(options, option)) return;
  }
  Tell("no profile was asked for: --exit-dump asks for one at the end, heapprof dump PID for one before");
}

// Where the profiles are; "": nobody knows, as the pattern counts in its folder.
std::string FolderOf(const RunOutputs& outputs) try {
  const OutputPattern pattern(outputs.output, outputs.pid, {outputs.program});
  return pattern.folder().empty() ? "." : pattern.folder();
} catch (const Failure&) {
  return "";
}

// A name that no other run has, on machines that share a folder neither.
std::string NameOfRun() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  char text[40];
  std::snprintf(text, sizeof text, "%d.%llx.%lx", getpid(), static_cast<unsigned long long>(now.tv_sec),
                now.tv_nsec);
  return text;
}

// A daemon goes on when the program has ended. True if there is one.
bool FollowDaemons(const RunOutputs& outputs, timespec start) {
  const std::string folder = FolderOf(outputs);
  if (getpid() == 1 || folder.empty()) return false;  // all others end with the first process
  const std::vector<pid_t> living = ProcessesOfRun(outputs.run);
  if (living.empty()) return false;
  std::string pids;
  for (const pid_t pid : living) pids += (pids.empty() ? "" : ", ") + std::to_string(pid);
  const pid_t helper = FollowInBackground(outputs.run, folder, living, [&] {
    timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    // A file gets its name some time after its last byte. One that has its names is not written again.
    constexpr time_t kMaxSecondsToName = 60;
    start.tv_sec -= kMaxSecondsToName;
    SymbolizeOutputs(outputs, start, nullptr);
    start = now;  // what is written from here on is new at the next look
  });
  if (helper < 0) return false;
  Tell("process " + pids + (living.size() == 1 ? " goes" : " go") + " on in the background; process " +
       std::to_string(helper) + " puts names into what comes later");
  return true;
}

}  // namespace

void Run(const RunRequest& request) {
  const std::string library = FindLibrary(request.library);
  const std::string preloaded = Environment("LD_PRELOAD");
  const std::string options = LibraryOptions(request);

  const std::string& name = request.program.front();
  const std::string file = FindProgram(name);
  const std::string executed = file.empty() ? file : InterpreterOf(file);
  const bool is_of_musl = !executed.empty() && IsOfMusl(executed);
  const std::string obstacle = executed.empty() ? ""
                               : is_of_musl     ? "is linked with musl, and the library is for glibc"
                                                : WhyNotPreloaded(executed);
  if (!obstacle.empty() && request.must_preload) {
    throw Failure(Printable(executed) + " " + obstacle + ": it cannot be checked");
  }
  if (!obstacle.empty()) {
    Tell("warning: " + Printable(executed) + " " + obstacle + ": it runs without the profiler" +
         (obstacle == kIsStatic ? "; libheapprof.a can be linked into it" : ""));
  }

  const std::string sanitizer = executed.empty() ? "" : SanitizerOf(executed);
  if (!sanitizer.empty()) {
    Tell("warning: " + Printable(executed) + " is built with " + sanitizer + ": it runs without heapprof");
  } else {
    const OwnMalloc own = executed.empty() || !obstacle.empty() ? OwnMalloc::kNone : OwnMallocOf(executed);
    if (own == OwnMalloc::kHidden && request.must_preload) {
      throw Failure(Printable(executed) + " brings its own malloc: it cannot be checked");
    }
    if (own != OwnMalloc::kNone && !request.must_preload) {
      Tell("warning: " + Printable(executed) +
           " brings its own malloc: what that does not pass on is in no heap profile");
    }
    if (!is_of_musl) {
      SetEnvironment("LD_PRELOAD", preloaded.empty() ? library : library + ":" + preloaded);
    }
  }
  if (!options.empty()) SetEnvironment("HEAPPROF_OPTIONS", options);
  MakeRoomBesideAuditors();
  const auto become = [&] {
    std::vector<char*> arguments;
    for (const std::string& argument : request.program)
      arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    execvp(name.c_str(), arguments.data());
    const int error = errno;
    throw Failure("cannot run " + Printable(name) + ": " + ErrorText(error),
                  error == ENOENT || error == ENOTDIR ? kStatusNotFound : kStatusCannotExecute);
  };
  if (!request.symbolize) become();
  RunOutputs outputs;
  outputs.run = NameOfRun();
  SetEnvironment("HEAPPROF_RUN", outputs.run);
  timespec start;
  // The clock of file times, which is behind the other by up to a tick.
  clock_gettime(CLOCK_REALTIME_COARSE, &start);
  const Ended ended = Supervise(become);
  const auto pairs = ParseOptionText(options);
  const std::string* output = FindOption(pairs, "output");
  outputs.output = output != nullptr && !output->empty() ? *output : kDefaultOutput;
  outputs.program = fs::path(name).filename();
  outputs.pid = ended.pid;
  timespec seen;
  clock_gettime(CLOCK_REALTIME_COARSE, &seen);
  const std::vector<std::string> files = SymbolizeOutputs(outputs, start, request.summarize);
  const bool goes_on = FollowDaemons(outputs, seen);
  // Of a program without the library it has been said; one that goes on has not come to its end.
  // Where the folder is missing the library has said why there is none.
  const bool could_write = access(FolderOf(outputs).c_str(), W_OK) == 0;
  if (obstacle.empty() && sanitizer.empty() && !goes_on && could_write) {
    SayWhatIsMissing(name, ended, pairs, files);
    if (request.summarize && files.empty()) SayThatNothingWasAsked(ended, pairs);
  }
  EndLike(ended);
}

}  // namespace heapprof::tools
