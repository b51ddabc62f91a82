// SPDX-License-Identifier: Apache-2.0
#include "tools/process/process.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tools/base/failure.h"
#include "tools/process/process_memory.h"
#include "tools/symbols/elf_file.h"

namespace heapprof::tools {
namespace {

namespace fs = std::filesystem;

// Errors: Failure: the file cannot be read.
std::string ReadWhole(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw Failure(path + ": " + ErrorText(errno));
  std::string text;
  char piece[16 << 10];
  ssize_t got;
  while ((got = read(fd, piece, sizeof piece)) > 0) text.append(piece, static_cast<size_t>(got));
  const int error = errno;
  close(fd);
  if (got < 0) throw Failure(path + ": " + ErrorText(error));
  return text;
}

bool IsLibraryName(const std::string& path) {
  constexpr char kName[] = "libheapprof.so";
  return fs::path(path).filename().string().rfind(kName, 0) == 0;
}

bool SameFile(const std::string& a, const std::string& b) {
  struct stat left, right;
  return stat(a.c_str(), &left) == 0 && stat(b.c_str(), &right) == 0 && left.st_dev == right.st_dev &&
         left.st_ino == right.st_ino;
}

std::string Link(const std::string& path) {
  std::error_code ignored;
  return fs::read_symlink(path, ignored).string();
}

// The line `field` of a file of /proc that has one line a field; "" if it has none.
// Errors: Failure: the file cannot be read.
std::string FieldOf(const std::string& file, const char* field) {
  std::istringstream lines(ReadWhole(file));
  std::string line;
  const std::string start = std::string(field) + ":";
  while (std::getline(lines, line)) {
    if (line.rfind(start, 0) == 0) return line.substr(std::min(line.size(), start.size() + 1));
  }
  return "";
}

std::string StatusLine(const std::string& folder, const char* field) {
  return FieldOf(folder + "/status", field);
}

bool HasSignal(const std::string& mask, int signal) {
  constexpr int kHex = 16;
  return (std::strtoull(mask.c_str(), nullptr, kHex) >> (signal - 1) & 1) != 0;
}

bool HasEnded(const std::string& state) { return state.empty() || state[0] == 'Z' || state[0] == 'X'; }

}  // namespace

Process::Process(pid_t pid) : pid_(pid), living_(pid), pidfd_(-1) {
  const std::string folder = "/proc/" + std::to_string(pid);
  if (!fs::exists(folder)) {
    throw Failure(kill(pid, 0) == 0 || errno == EPERM ? "/proc does not show process " + std::to_string(pid)
                                                      : "there is no process " + std::to_string(pid));
  }
  const pid_t leader = std::atoi(StatusLine(folder, "Tgid").c_str());
  if (leader > 0) pid_ = living_ = leader;
  // A thread that is about to end has no files any more.
  const auto has_program = [this](pid_t thread) {
    return !HasEnded(ThreadStatus(thread, "State")) &&
           !Link("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(thread) + "/exe").empty();
  };
  if (!has_program(pid_)) {
    const std::vector<pid_t> threads = Threads();
    const auto living = std::find_if(threads.begin(), threads.end(), has_program);
    if (living != threads.end()) {
      living_ = *living;
    } else if (HasEnded(ThreadStatus(pid_, "State"))) {
      throw Failure("process " + std::to_string(pid_) + " has ended; its parent has not waited for it yet");
    }
  }
  // Kernels before 5.3 know none.
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
}

Process::~Process() {
  if (pidfd_ >= 0) close(pidfd_);
}

// The files of a first thread that has ended are empty.
std::string Process::File(const char* name) const {
  return "/proc/" + std::to_string(pid_) + "/task/" + std::to_string(living_) + "/" + name;
}

std::vector<pid_t> Process::Threads() const {
  std::vector<pid_t> threads;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid_) + "/task", ignored)) {
    threads.push_back(std::atoi(entry.path().filename().c_str()));
  }
  return threads;
}

std::string Process::ThreadStatus(pid_t thread, const char* field) const try {
  return StatusLine("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(thread), field);
} catch (const Failure&) {
  return "";
}

std::vector<uint64_t> Process::MappedFiles() const {
  std::istringstream maps(ReadWhole(File("maps")));
  std::string line;
  std::vector<uint64_t> starts;
  while (std::getline(maps, line)) {
    unsigned long long start, end, offset;
    if (line.find('/') != std::string::npos &&
        std::sscanf(line.c_str(), "%llx-%llx %*s %llx", &start, &end, &offset) == 3 && offset == 0) {
      starts.push_back(start);
    }
  }
  return starts;
}

bool Process::HasLibrary() const {
  std::istringstream maps(ReadWhole(File("maps")));
  std::string line;
  while (std::getline(maps, line)) {
    const size_t path = line.find('/');
    if (path != std::string::npos && IsLibraryName(line.substr(path))) return true;
  }
  const auto program = ElfFile::Open(File("exe"));
  return program && program->FindSymbol("heapprof_dump_heap").has_value();
}

std::string Process::Status(const char* field) const {
  return StatusLine("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(living_), field);
}

bool Process::InMask(const char* field, int signal) const { return HasSignal(Status(field), signal); }

// What a thread waits for in sigwait counts as unblocked in it meanwhile.
bool Process::IsInSigwait(pid_t thread, int signal) const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(thread) + "/syscall");
  long number = -1;
  uint64_t set = 0, signals = 0;
  return file >> number >> std::hex >> set && number == SYS_rt_sigtimedwait &&
         ReadMemory(thread, set, &signals, sizeof signals) == sizeof signals &&
         (signals >> (signal - 1) & 1) != 0;
}

bool Process::Blocks(int signal) const {
  const auto may_get_it = [&](pid_t thread) {
    const std::string blocked = ThreadStatus(thread, "SigBlk");
    return !blocked.empty() && !HasSignal(blocked, signal) && !HasEnded(ThreadStatus(thread, "State"));
  };
  for (const pid_t thread : Threads()) {
    // Asked again, as it may have gone into sigwait before the first question, and come out of it since.
    if (may_get_it(thread) && !IsInSigwait(thread, signal) && may_get_it(thread)) return false;
  }
  return true;
}

bool Process::WaitsFor(int signal) const {
  for (const pid_t thread : Threads()) {
    if (IsInSigwait(thread, signal)) return true;
  }
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(File("fd"), ignored)) {
    if (Link(entry.path()) != "anon_inode:[signalfd]") continue;
    const std::string number = entry.path().filename();
    if (HasSignal(FieldOf(File(("fdinfo/" + number).c_str()), "sigmask"), signal)) return true;
  }
  return false;
}

bool Process::HasOwnSeccompFilter() const {
  const std::string count = Status("Seccomp_filters");
  return Status("Seccomp") != "0" && (count.empty() || count != StatusLine("/proc/self", "Seccomp_filters"));
}

bool Process::IsStopped() const {
  const std::string state = Status("State");
  return !state.empty() && (state[0] == 'T' || state[0] == 't');
}

pid_t Process::ProgramOf(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::string name;
  if (std::getline(std::ifstream(folder + "/comm"), name) && name == "heapprof-wall") {
    const std::string parent = StatusLine(folder, "PPid");
    if (SameFile(folder + "/exe", "/proc/" + parent + "/exe")) {
      throw Failure("process " + std::to_string(pid) + " only watches the threads of process " + parent +
                    ", for its wall-clock profile: ask that one");
    }
  }
  if (!SameFile(folder + "/exe", "/proc/self/exe")) return pid;
  std::istringstream children(ReadWhole(folder + "/task/" + std::to_string(pid) + "/children"));
  pid_t child = 0;
  return children >> child && child > 0 ? child : pid;
}

pid_t Process::OwnPid() const {
  std::istringstream pids(Status("NStgid"));
  pid_t pid = pid_;
  while (pids >> pid) {
  }
  return pid > 0 ? pid : pid_;
}

std::vector<std::string> Process::ProgramNames() const {
  const std::string arguments = ReadWhole(File("cmdline"));
  std::vector<std::string> names;
  const auto add = [&](std::string name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(std::move(name));
    }
  };
  const std::string first = arguments.substr(0, arguments.find('\0'));
  add(first.substr(first.rfind('/') + 1));
  add(fs::path(Link(File("exe"))).filename());
  add(Status("Name"));
  return names;
}

std::optional<std::string> Process::Variable(const std::string& name) const {
  const std::string environment = ReadWhole(File("environ"));
  const bool written_over = environment.find_first_not_of('\0') == std::string::npos;
  std::istringstream variables(environment);
  std::string variable;
  while (std::getline(variables, variable, '\0')) {
    if (variable.rfind(name + "=", 0) == 0) return variable.substr(name.size() + 1);
  }
  if (!written_over) return "";
  return ReadEnvironmentVariable(pid_, name);
}

std::string Process::FolderHere(const std::string& folder) const {
  const std::string current = Link(File("cwd"));
  std::string name = folder.empty() ? current : folder[0] == '/' ? folder : current + "/" + folder;
  // Another root or mount namespace gives the same name to another folder.
  std::string through_proc;
  if (folder.empty() || folder[0] != '/') {
    through_proc = File("cwd") + (folder.empty() ? "" : "/" + folder);
  } else {
    through_proc = File("root") + folder;
  }
  // A folder that is not there has its plain name, in messages.
  return SameFile(name, through_proc) || access(through_proc.c_str(), F_OK) != 0 ? name : through_proc;
}

// Nobody else gets it, also where the number has become another's. False: kernels before 5.1 and sandboxes
// have no such call.
bool Process::SendByDescriptor(int signal, const siginfo_t* info) const {
  errno = 0;
  if (pidfd_ < 0) return false;
  return syscall(SYS_pidfd_send_signal, pidfd_, signal, info, 0) == 0 || (errno != ENOSYS && errno != EPERM);
}

int Process::Send(int signal) const {
  if (SendByDescriptor(signal, nullptr)) return errno;
  return kill(pid_, signal) == 0 ? 0 : errno;
}

int Process::SendValue(int signal, int value) const {
  siginfo_t info = {};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_int = value;
  if (SendByDescriptor(signal, &info)) return errno;
  return syscall(SYS_rt_sigqueueinfo, pid_, signal, &info) == 0 ? 0 : errno;
}

}  // namespace heapprof::tools
