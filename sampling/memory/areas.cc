// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/areas.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/hex.h"
#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

// "start-end rwxp offset major:minor inode   name"; `line` ends with a NUL.
bool ParseArea(const char* line, Area* area) {
  const char* at = line;
  area->start = ReadHex(&at);
  if (*at++ != '-') return false;
  area->end = ReadHex(&at);
  if (*at++ != ' ' || strlen(at) < 5) return false;
  area->readable = at[0] == 'r';
  area->writable = at[1] == 'w';
  area->executable = at[2] == 'x';
  area->shared = at[3] == 's';
  at += 5;
  area->offset = ReadHex(&at);
  for (int field = 0; field < 2 && at != nullptr; ++field) at = strchr(at + 1, ' ');  // device, inode
  if (at == nullptr) return false;
  at = strchr(at + 1, ' ');
  while (at != nullptr && *at == ' ') ++at;
  area->name = at != nullptr ? at : "";
  return true;
}

}  // namespace

int ForEachArea(char* text, void (*visit)(void* context, const Area& area), void* context) {
  // Once the main thread has ended /proc/self is empty, while thread-self still answers.
  const int fd = RawOpen("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  int error = 0;
  size_t held = 0;
  bool any = false;
  while (error == 0) {
    const ssize_t got = RawRead(fd, text + held, kAreaTextBytes - held);
    if (got == -EINTR) continue;
    if (got < 0) error = static_cast<int>(got);
    if (got <= 0) break;
    held += static_cast<size_t>(got);
    char* line = text;
    while (auto* end = static_cast<char*>(memchr(line, '\n', held - static_cast<size_t>(line - text)))) {
      *end = '\0';
      Area area;
      if (ParseArea(line, &area)) visit(context, area);
      any = true;
      line = end + 1;
    }
    held -= static_cast<size_t>(line - text);
    memmove(text, line, held);
    if (held == kAreaTextBytes) held = 0;  // no line is that long
  }
  RawClose(fd);
  return error != 0 || any ? error : -ENODATA;
}

namespace {

// The number behind "\nKey:", in bytes; 0: there is none.
uint64_t KibibytesOf(const char* text, const char* key) {
  const char* at = strstr(text, key);
  if (at == nullptr) return 0;
  at += strlen(key);
  while (*at == ' ' || *at == '\t') ++at;
  uint64_t value = 0;
  for (; *at >= '0' && *at <= '9'; ++at) value = value * 10 + static_cast<uint64_t>(*at - '0');
  return value << 10;
}

}  // namespace

bool ReadProcessMemory(ProcessMemory* memory) {
  const int fd = RawOpen("/proc/thread-self/status", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return false;
  char text[16 << 10];  // the groups of a user may be many
  const ssize_t got = RawRead(fd, text, sizeof(text) - 1);
  RawClose(fd);
  if (got <= 0) return false;
  text[got] = '\0';
  *memory = {KibibytesOf(text, "\nVmSize:"),   KibibytesOf(text, "\nVmRSS:"),
             KibibytesOf(text, "\nRssAnon:"),  KibibytesOf(text, "\nRssFile:"),
             KibibytesOf(text, "\nRssShmem:"), KibibytesOf(text, "\nVmSwap:"),
             KibibytesOf(text, "\nVmPTE:")};
  return memory->resident != 0;
}

}  // namespace heapprof
