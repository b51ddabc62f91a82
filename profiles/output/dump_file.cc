// SPDX-License-Identifier: Apache-2.0
#include "profiles/output/dump_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

char g_program_name[NAME_MAX + 1];

}  // namespace

void KeepProgramName() {
  TextWriter(g_program_name, sizeof g_program_name).Str(program_invocation_short_name);
}

bool ExpandPattern(const char* pattern, uint64_t number, const char* suffix, TextWriter* name) {
  constexpr int kNumberDigits = 4;
  for (const char* at = pattern; *at != '\0'; ++at) {
    if (*at != '%') {
      name->Char(*at);
      continue;
    }
    switch (*++at) {
      case 'p':
        name->UDec(static_cast<uint64_t>(RawGetPid()));
        break;
      case 'n':
        name->UDec(number, kNumberDigits);
        break;
      case 'e':
        name->Str(g_program_name);
        break;
      case '%':
        name->Char('%');
        break;
      case '\0':  // a percent sign at the end stands for itself
        name->Char('%');
        --at;
        break;
      default:
        name->Char('%').Char(*at);
    }
  }
  name->Str(suffix);
  return !name->cut();
}

void RemoveOldest(uint64_t keep, std::initializer_list<const char*> suffixes, NumberedFiles* files) {
  if (keep == 0) return;
  for (; files->removed + keep < files->written; ++files->removed) {
    for (const char* suffix : suffixes) {
      Text<kPathCapacity> newest, oldest;
      if (!ExpandPattern(GetOptions().output, files->written, suffix, &newest)) return;
      if (!ExpandPattern(GetOptions().output, files->removed + 1, suffix, &oldest)) continue;
      if (strcmp(oldest.data(), newest.data()) == 0) return;
      RawUnlink(oldest.data());
    }
  }
}

int DumpFile::Open(const char* path) {
  path_ = path;
  constexpr int kFlags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
  struct stat there = {};
  long found = RawSyscall(SYS_newfstatat, AT_FDCWD, reinterpret_cast<long>(path),
                          reinterpret_cast<long>(&there), AT_SYMLINK_NOFOLLOW);
  if (found == 0 && S_ISDIR(there.st_mode)) return -EISDIR;
  is_device_ = found == 0 && (S_ISCHR(there.st_mode) || S_ISBLK(there.st_mode));
  if (is_device_) {
    fd_ = RawOpen(path, kFlags, 0);
    return fd_ < 0 ? fd_ : 0;
  }
  // Pid and time make the name; a name that is taken all the same (a dead process' leftover, somebody's trap)
  // is passed over, never opened.
  constexpr int kTries = 16;
  constexpr int kMode = 0600;
  for (int i = 0; i < kTries; ++i) {
    temporary_.Clear();
    temporary_.Str(path).Char('.').Hex(static_cast<uint64_t>(RawGetPid())).Char('-');
    temporary_.Hex(static_cast<uint64_t>(RawMonotonicNanos())).Str(".tmp");
    if (temporary_.cut()) return -ENAMETOOLONG;
    fd_ = RawOpen(temporary_.data(), kFlags | O_CREAT | O_EXCL, kMode);
    if (fd_ != -EEXIST && fd_ != -EINTR) break;
  }
  return fd_ < 0 ? fd_ : 0;
}

int DumpFile::Close(int error) {
  int closed = RawClose(fd_);  // NFS tells of a full disk here
  fd_ = -1;
  if (error == 0 && closed < 0 && closed != -EINTR) error = closed;
  if (is_device_) return error;
  if (error == 0) error = RawRename(temporary_.data(), path_);
  if (error != 0) RawUnlink(temporary_.data());
  return error;
}

}  // namespace heapprof
