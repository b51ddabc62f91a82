// SPDX-License-Identifier: Apache-2.0
#include "leak/report/source_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>

#include "base/older_libc.h"
#include "base/options.h"
#include "base/system/raw_syscall.h"
#include "base/system/write_signals.h"
#include "base/text.h"

namespace heapprof::leak {
namespace {

constexpr int64_t kTimeout = 60'000'000'000;  // ns
constexpr int kFirstDescriptor = 10;          // above those that a program takes for its standard ones
// No signal at its end, and no debugger is told of it: gdb would take it for a thread of the program's, and
// lose the program when it executes the command.
constexpr long kHelperFlags = CLONE_UNTRACED;

const char* g_search_path = nullptr;  // nullptr: no command is to be run
char g_command[kPathCapacity];        // "": there is none

long Address(const void* pointer) { return reinterpret_cast<long>(pointer); }

bool CanExecute(const char* path) {
  constexpr int kExecute = 1;
  return RawSyscall(SYS_faccessat, AT_FDCWD, Address(path), kExecute) == 0;
}

bool Try(const char* folder, size_t size, const char* rest) {
  TextWriter path(g_command, sizeof(g_command));
  path.Str(folder, size).Str(rest);
  if (!path.cut() && g_command[0] == '/' && CanExecute(g_command)) return true;
  path.Clear();
  return false;
}

// The file that our code is mapped from.
bool OwnFile(TextWriter* path) {
  constexpr size_t kTableBytes = sizeof(ModuleTable::Workspace);
  auto* workspace = static_cast<ModuleTable::Workspace*>(RawMap(kTableBytes));
  if (workspace == nullptr) return false;
  ModuleTable modules(workspace);
  modules.Read();
  uint32_t own = modules.Find(reinterpret_cast<uintptr_t>(&OwnFile));
  if (own != ModuleTable::kNone) path->Str(modules.at(own).path);
  RawUnmap(workspace, kTableBytes);
  return path->size() > 0;
}

// A descriptor out of the way of 0, 1 and 2, which the program may have closed.
int Raise(int fd) {
  if (fd < 0 || fd >= kFirstDescriptor) return fd;
  int higher = static_cast<int>(RawSyscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, kFirstDescriptor));
  RawClose(fd);
  return higher;
}

bool WriteAll(int fd, const char* data, size_t size) {
  WriteSignalsHeld held;
  while (size > 0) {
    ssize_t done = RawWrite(fd, data, size);
    held.TakeBack(done);
    if (done == -EINTR) continue;
    if (done <= 0) return false;
    data += done;
    size -= static_cast<size_t>(done);
  }
  return true;
}

void PutAt(int descriptor, int at) {
  if (descriptor == at) {
    RawSyscall(SYS_fcntl, at, F_SETFD, 0);
  } else {
    RawSyscall(SYS_dup3, descriptor, at, 0);
  }
}

// In the new process: nothing but system calls. It has the parent's memory as a copy, and one thread.
[[noreturn]] void BecomeCommand(int input, int output) {
  uint64_t none = 0;
  RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, Address(&none), 0, sizeof(none));
  int null = RawOpen("/dev/null", O_WRONLY, 0);
  PutAt(input, 0);
  PutAt(output, 1);
  PutAt(null, 2);
  RawCloseRange(3, ~0u);
  // Not the program's environment: the command is not to be preloaded, profiled or checked in its turn.
  char* const environment[] = {const_cast<char*>("LC_ALL=C"), nullptr};
  char* const arguments[] = {const_cast<char*>("heapprof"), const_cast<char*>("addresses"), nullptr};
  RawSyscall(SYS_execve, Address(g_command), Address(arguments), Address(environment));
  RawSyscall(SYS_exit_group, 127);
  __builtin_unreachable();
}

// Reads to the end. False: the time was over.
bool ReadAnswer(int fd, MemorySink* answer) {
  int64_t deadline = RawMonotonicNanos() + kTimeout;
  char piece[4096];
  for (;;) {
    int64_t left = deadline - RawMonotonicNanos();
    if (left <= 0) return false;
    pollfd ready = {fd, POLLIN, 0};
    timespec limit = {left / 1'000'000'000, left % 1'000'000'000};
    long polled = RawSyscall(SYS_ppoll, Address(&ready), 1, Address(&limit), 0, 0);
    if (polled == -EINTR || polled == 0) continue;
    ssize_t got = RawRead(fd, piece, sizeof(piece));
    if (got == -EINTR) continue;
    if (got <= 0) return got == 0;
    if (answer->Write(piece, static_cast<size_t>(got)) != 0) return false;
  }
}

bool RunCommand(int input, MemorySink* answer) {
  int pipes[2];
  if (RawSyscall(SYS_pipe2, Address(pipes), O_CLOEXEC) != 0) return false;
  int from = Raise(pipes[0]), to = Raise(pipes[1]);
  long child = RawSyscall(SYS_clone, kHelperFlags, 0, 0, 0, 0);
  if (child == 0) BecomeCommand(input, to);
  RawClose(to);
  bool good = child > 0 && ReadAnswer(from, answer);
  RawClose(from);
  if (child <= 0) return false;
  if (!good) RawSyscall(SYS_kill, child, SIGKILL);
  int status = 0;
  while (RawSyscall(SYS_wait4, child, Address(&status), __WALL, 0) == -EINTR) {
  }
  return good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// The folder of the file or folder text[0, size): how much of the text it is.
size_t FolderOf(const char* text, size_t size) {
  while (size > 0 && text[size - 1] != '/') --size;
  return size > 0 ? size - 1 : 0;
}

void FindCommand() {
  constexpr char kBin[] = "/bin/heapprof";
  Text<kPathCapacity> library;
  if (OwnFile(&library)) {
    size_t above = FolderOf(library.data(), FolderOf(library.data(), library.size()));
    // PREFIX/lib, a build tree's alloc, PREFIX/lib/TRIPLET
    if (Try(library.data(), above, kBin) || Try(library.data(), above, "/tools/heapprof") ||
        Try(library.data(), FolderOf(library.data(), above), kBin)) {
      return;
    }
  }
  const char* path = g_search_path;
  while (*path != '\0') {
    size_t size = strcspn(path, ":");
    if (Try(path, size, "/heapprof")) return;
    path += size + (path[size] != '\0' ? 1 : 0);
  }
  if (!Try("/usr/local", strlen("/usr/local"), kBin)) Try("/usr", strlen("/usr"), kBin);
}

}  // namespace

void TrustCommand(const char* search_path) { g_search_path = search_path; }

SourceLines::~SourceLines() {
  if (first_ != nullptr) RawUnmap(first_, (size_t{count_} + 1) * sizeof(uint32_t));
}

void SourceLines::Ask(const ModuleTable& modules, const uint64_t* addresses, uint32_t count) {
  if (g_search_path == nullptr || count == 0) return;
  FindCommand();
  if (g_command[0] == '\0') return;
  int input = static_cast<int>(RawSyscall(SYS_memfd_create, Address("heapprof"), MFD_CLOEXEC));
  input = Raise(input);
  if (input < 0) return;
  bool written = true;
  for (uint32_t i = 0; i < count && written; ++i) {
    Text<kPathCapacity + 256> line;
    uint32_t index = modules.Find(addresses[i] - 1);
    if (index != ModuleTable::kNone) {
      const Module& module = modules.at(index);
      line.Hex(addresses[i] - 1).Char(' ').Hex(module.start).Char(' ').Hex(module.file_offset).Char(' ');
      line.Str(module.build_id[0] != '\0' ? module.build_id : "-").Char(' ').Str(module.path);
    }
    line.Char('\n');
    written = WriteAll(input, line.data(), line.size());
  }
  RawSyscall(SYS_lseek, input, 0, SEEK_SET);
  if (written && RunCommand(input, &answer_)) {
    addresses_ = addresses;
    count_ = count;
    Index(count);
  }
  RawClose(input);
}

// Ends the fields by NULs, and notes where the lines of each address begin.
void SourceLines::Index(uint32_t count) {
  first_ = static_cast<uint32_t*>(RawMap((size_t{count} + 1) * sizeof(uint32_t)));
  answer_.Write("\n\n", 3);  // an answer that was cut ends all the same
  if (first_ == nullptr || answer_.data() == nullptr) {
    addresses_ = nullptr;
    return;
  }
  char* text = answer_.mutable_data();
  char* end = text + answer_.size() - 1;
  char* at = text;
  for (uint32_t i = 0; i < count; ++i) {
    first_[i] = static_cast<uint32_t>(at - text);
    while (at < end && *at != '\n') {
      char* line_end = static_cast<char*>(memchr(at, '\n', static_cast<size_t>(end - at)));
      if (line_end == nullptr) break;
      *line_end = '\0';
      for (char* c = at; c < line_end; ++c) {
        if (*c == '\t') *c = '\0';
      }
      at = line_end + 1;
    }
    if (at < end) *at++ = '\0';
  }
}

bool SourceLines::Lines(uint64_t return_address, void (*visit)(void* context, const FrameLine& line),
                        void* context) const {
  if (addresses_ == nullptr || first_ == nullptr) return false;
  const uint64_t* found = std::lower_bound(addresses_, addresses_ + count_, return_address);
  if (found == addresses_ + count_ || *found != return_address) return false;
  const char* at = answer_.data() + first_[found - addresses_];
  if (*at == '\0') return false;
  while (*at != '\0') {
    const char* file = at + strlen(at) + 1;
    const char* number = file + strlen(file) + 1;
    uint32_t line = 0;
    const char* digit = number;
    for (; *digit >= '0' && *digit <= '9'; ++digit) line = line * 10 + static_cast<uint32_t>(*digit - '0');
    visit(context, {at, file, line});
    at = digit + 1;
  }
  return true;
}

}  // namespace heapprof::leak
