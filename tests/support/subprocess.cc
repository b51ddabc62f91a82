// SPDX-License-Identifier: Apache-2.0
#include "tests/support/subprocess.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <map>

extern char** environ;

namespace heapprof::test {
namespace {

double Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::vector<std::string> Environment(const Command& command) {
  std::map<std::string, std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    const std::string key = text.substr(0, equals);
    if (key.rfind("HEAPPROF_", 0) == 0 || key == "LD_PRELOAD" || key == "MALLOC_CONF" ||
        key == "DEBUGINFOD_URLS") {
      continue;
    }
    merged[key] = text.substr(equals + 1);
  }
  // What the command looks up is the test's, not the user's to keep.
  merged["XDG_CACHE_HOME"] = "/dev/null";
  for (const auto& [key, value] : command.env) merged[key] = value;
  std::vector<std::string> entries;
  for (const auto& [key, value] : merged) entries.push_back(key + "=" + value);
  return entries;
}

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value != nullptr ? value : "";
}

// `text` with each `from` as `to`.
std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// Where programs of another architecture are tested (scripts/arm64): one below HEAPPROF_TEST_NATIVE, of which
// there is one of the same name below HEAPPROF_TEST_FOREIGN, is that one, under the emulator that
// HEAPPROF_TEST_EMULATOR names; what is preloaded into it likewise, and not into the emulator.
void Emulate(std::vector<std::string>* arguments, std::vector<std::string>* environment) {
  const std::string emulator = Variable("HEAPPROF_TEST_EMULATOR"), native = Variable("HEAPPROF_TEST_NATIVE"),
                    foreign = Variable("HEAPPROF_TEST_FOREIGN");
  if (emulator.empty() || native.empty()) return;
  const std::string program = Replaced(arguments->front(), native, foreign);
  if (program == arguments->front() || access(program.c_str(), X_OK) != 0) return;
  std::vector<std::string> words;
  for (size_t at = 0; at < emulator.size();) {
    const size_t end = std::min(emulator.find(' ', at), emulator.size());
    words.push_back(emulator.substr(at, end - at));
    at = end + 1;
  }
  for (auto entry = environment->begin(); entry != environment->end();) {
    if (entry->rfind("LD_PRELOAD=", 0) != 0) {
      ++entry;
      continue;
    }
    words.insert(words.end(), {"-E", Replaced(*entry, native, foreign)});
    entry = environment->erase(entry);
  }
  arguments->front() = program;
  arguments->insert(arguments->begin(), words.begin(), words.end());
}

std::vector<char*> Pointers(std::vector<std::string>* strings) {
  std::vector<char*> pointers;
  for (std::string& text : *strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The processes of the group `group`, from the fifth field of /proc/PID/stat.
std::vector<pid_t> Members(pid_t group) {
  std::vector<pid_t> members;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return members;
  while (dirent* entry = readdir(proc)) {
    const pid_t pid = atoi(entry->d_name);
    if (pid <= 0) continue;
    FILE* stat = fopen(("/proc/" + std::string(entry->d_name) + "/stat").c_str(), "re");
    if (stat == nullptr) continue;
    char line[512] = "";
    const char* fields = fgets(line, sizeof line, stat) != nullptr ? strrchr(line, ')') : nullptr;
    char state;
    int parent, member_of;
    if (fields != nullptr && sscanf(fields + 1, " %c %d %d", &state, &parent, &member_of) == 3 &&
        member_of == group && state != 'Z') {
      members.push_back(pid);
    }
    fclose(stat);
  }
  closedir(proc);
  return members;
}

std::string StacksOf(pid_t pid) {
  std::string stacks = "--- stacks of process " + std::to_string(pid) + " ---\n";
  const std::string line = "timeout -k 1 20 gdb -p " + std::to_string(pid) +
                           " -batch -nx -ex 'set pagination off' -ex 'thread apply all bt 25' 2>&1";
  FILE* gdb = popen(line.c_str(), "re");
  if (gdb == nullptr) return stacks;
  char buffer[4096];
  size_t size;
  while ((size = fread(buffer, 1, sizeof buffer, gdb)) > 0) stacks.append(buffer, size);
  pclose(gdb);
  return stacks;
}

}  // namespace

std::string Result::Describe() const {
  std::string text = timed_out     ? "timed out"
                     : signal != 0 ? "ended by signal " + std::to_string(signal)
                                   : "exit status " + std::to_string(exit_status);
  text += " after " + std::to_string(seconds) + " s\nstdout: " + out.substr(0, 4000);
  const size_t kept = timed_out ? 60000 : 8000;
  text += "\nstderr: " + (err.size() > kept ? err.substr(err.size() - kept) : err);
  return text;
}

Process::Process(const Command& command) {
  std::vector<std::string> environment = Environment(command);
  std::vector<std::string> arguments = command.argv;
  Emulate(&arguments, &environment);
  std::vector<char*> envp = Pointers(&environment), argv = Pointers(&arguments);
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) abort();
  pid_ = fork();
  if (pid_ == 0) {
    setpgid(0, 0);
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    if (null > 2) close(null);
    dup2(out[1], 1);
    dup2(err[1], 2);
    if (!command.directory.empty() && chdir(command.directory.c_str()) != 0) _exit(126);
    signal(SIGPIPE, SIG_DFL);
    // The program has 0, 1 and 2, whatever the test was started with. (libc has a function since 2.34.)
    constexpr long kCloseRange = 436, kOnExec = 4;
    syscall(kCloseRange, 3, ~0u, kOnExec);
    if (command.before_exec) command.before_exec();
    execvpe(argv[0], argv.data(), envp.data());
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
  }
  setpgid(pid_, pid_);  // in both, so that the group exists whichever runs first
  close(out[1]);
  close(err[1]);
  out_fd_ = out[0];
  err_fd_ = err[0];
  fcntl(out_fd_, F_SETFL, O_NONBLOCK);
  fcntl(err_fd_, F_SETFL, O_NONBLOCK);
  pid_fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pid_ < 0 || pid_fd_ < 0) abort();
  started_ = Now();
  deadline_ = started_ + command.timeout_seconds;
}

Process::~Process() {
  if (!ended_) {
    kill(-pid_, SIGKILL);
    Reap();
  }
  for (int fd : {pid_fd_, out_fd_, err_fd_}) {
    if (fd >= 0) close(fd);
  }
}

void Process::ReadAvailable(int* fd, std::string* into) {
  char buffer[65536];
  while (*fd >= 0) {
    const ssize_t size = read(*fd, buffer, sizeof buffer);
    if (size > 0) {
      into->append(buffer, static_cast<size_t>(size));
    } else if (size == 0) {
      close(*fd);
      *fd = -1;
    } else {
      return;
    }
  }
}

void Process::Reap() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
  result_.seconds = Now() - started_;
  if (WIFEXITED(status)) result_.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
  kill(-pid_, SIGKILL);  // what the program left behind
  ReadAvailable(&out_fd_, &result_.out);
  ReadAvailable(&err_fd_, &result_.err);
}

void Process::Expire() {
  result_.timed_out = true;
  std::string stacks;
  if (HaveProgram("gdb")) {
    for (pid_t member : Members(pid_)) stacks += StacksOf(member);
  }
  kill(-pid_, SIGKILL);
  Reap();
  result_.err += stacks;
}

bool Process::PumpUntil(const std::function<bool()>& done) {
  while (true) {
    ReadAvailable(&out_fd_, &result_.out);
    ReadAvailable(&err_fd_, &result_.err);
    if (done()) return true;
    if (ended_) return false;
    const double left = deadline_ - Now();
    if (left <= 0) {
      Expire();
      return done();
    }
    pollfd fds[3] = {{pid_fd_, POLLIN, 0}, {out_fd_, POLLIN, 0}, {err_fd_, POLLIN, 0}};
    poll(fds, 3, static_cast<int>(left * 1000) + 1);
    if ((fds[0].revents & POLLIN) != 0) Reap();
  }
}

bool Process::WaitForOutput(const std::string& text) {
  return PumpUntil([&] { return result_.out.find(text) != std::string::npos; });
}

bool Process::WaitForError(const std::string& text) {
  return PumpUntil([&] { return result_.err.find(text) != std::string::npos; });
}

Result Process::Wait() {
  PumpUntil([] { return false; });
  return result_;
}

Result Process::Expired() {
  if (!ended_) Expire();
  return result_;
}

Result RunProgram(const Command& command) { return Process(command).Wait(); }

int FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool found = bind(probe, generic, size) == 0 && getsockname(probe, generic, &size) == 0;
  close(probe);
  return found ? ntohs(address.sin_port) : 0;
}

bool HaveProgram(const std::string& program) {
  if (program.find('/') != std::string::npos) return access(program.c_str(), X_OK) == 0;
  const char* path = getenv("PATH");
  std::string folders = path != nullptr ? path : "/usr/bin:/bin";
  for (size_t begin = 0; begin <= folders.size();) {
    const size_t end = std::min(folders.find(':', begin), folders.size());
    if (access((folders.substr(begin, end - begin) + "/" + program).c_str(), X_OK) == 0) return true;
    begin = end + 1;
  }
  return false;
}

int SoakFactor() {
  const char* factor = getenv("HEAPPROF_SOAK");
  return factor != nullptr && atoi(factor) > 1 ? atoi(factor) : 1;
}

}  // namespace heapprof::test
