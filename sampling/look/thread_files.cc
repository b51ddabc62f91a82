// SPDX-License-Identifier: Apache-2.0
#include "sampling/look/thread_files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/system/raw_syscall.h"
#include "base/text.h"

namespace heapprof {
namespace {

// Reads a number, "0x" before a hexadecimal one; nullptr: there is none. Returns what stands behind it.
const char* ReadNumber(const char* at, uint64_t* value) {
  while (*at == ' ') ++at;
  const bool negative = *at == '-';
  if (negative) ++at;
  const bool hex = at[0] == '0' && at[1] == 'x';
  if (hex) at += 2;
  const uint64_t base = hex ? 16 : 10;
  uint64_t number = 0;
  const char* begin = at;
  for (;; ++at) {
    uint64_t digit;
    if (*at >= '0' && *at <= '9') {
      digit = static_cast<uint64_t>(*at - '0');
    } else if (hex && *at >= 'a' && *at <= 'f') {
      digit = static_cast<uint64_t>(*at - 'a') + 10;
    } else {
      break;
    }
    number = number * base + digit;
  }
  if (at == begin) return nullptr;
  *value = negative ? 0 - number : number;
  return at;
}

}  // namespace

int OpenThreadFile(int folder, int listed, const char* name) {
  Text<64> path;
  path.Dec(listed).Str("/").Str(name);
  return static_cast<int>(
      RawSyscall(SYS_openat, folder, reinterpret_cast<long>(path.data()), O_RDONLY | O_CLOEXEC, 0));
}

bool ParseRunStamp(const char* text, RunStamp* stamp) {
  const char* at = ReadNumber(text, &stamp->cpu);
  if (at != nullptr) at = ReadNumber(at, &stamp->delay);
  return at != nullptr && ReadNumber(at, &stamp->runs) != nullptr;
}

bool ReadRunStamp(int fd, RunStamp* stamp) {
  char text[96];
  const ssize_t got = RawPread(fd, text, sizeof(text) - 1, 0);
  if (got <= 0) return false;
  text[got] = '\0';
  return ParseRunStamp(text, stamp);
}

Place ParsePlace(const char* text) {
  if (strncmp(text, "running", 7) == 0) return {Place::kRunning, -1, 0, 0, 0};
  // "CALL ARGUMENT{6} SP PC", or "-1 SP PC".
  uint64_t numbers[9];
  size_t count = 0;
  for (const char* at = text; count < 9; ++count) {
    at = ReadNumber(at, &numbers[count]);
    if (at == nullptr) break;
  }
  if (count != 3 && count != 9) return {Place::kUnknown, -1, 0, 0, 0};
  return {Place::kWaits, static_cast<long>(numbers[0]), numbers[count - 2], numbers[count - 1],
          count == 9 ? numbers[1] : 0};
}

Place ReadPlace(int folder, int listed) {
  const int fd = OpenThreadFile(folder, listed, "syscall");
  if (fd < 0) return {Place::kUnknown, -1, 0, 0, 0};
  char text[256];
  const ssize_t got = RawRead(fd, text, sizeof(text) - 1);
  RawClose(fd);
  if (got <= 0) return {Place::kUnknown, -1, 0, 0, 0};
  text[got] = '\0';
  return ParsePlace(text);
}

size_t CountThreads(int folder) {
  struct stat status = {};
  if (RawSyscall(SYS_fstat, folder, reinterpret_cast<long>(&status)) != 0 || status.st_nlink < 2) return 0;
  return status.st_nlink - 2;
}

}  // namespace heapprof
