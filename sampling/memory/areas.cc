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

int ForEachLine(const char* path, char* text, void (*visit)(void* context, const char* line), void* context) {
  const int fd = RawOpen(path, O_RDONLY | O_CLOEXEC, 0);
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
      visit(context, line);
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

int ForEachArea(char* text, void (*visit)(void* context, const Area& area), void* context) {
  struct Visitor {
    void (*visit)(void* context, const Area& area);
    void* context;
  } visitor = {visit, context};
  // Once the main thread has ended /proc/self is empty, while thread-self still answers.
  return ForEachLine(
      "/proc/thread-self/maps", text,
      [](void* of, const char* line) {
        Area area;
        const auto* to = static_cast<const Visitor*>(of);
        if (ParseArea(line, &area)) to->visit(to->context, area);
      },
      &visitor);
}

namespace {

// The number of KiB there, in bytes.
uint64_t ReadKibibytes(const char* at) {
  while (*at == ' ' || *at == '\t') ++at;
  uint64_t value = 0;
  for (; *at >= '0' && *at <= '9'; ++at) value = value * 10 + static_cast<uint64_t>(*at - '0');
  return value << 10;
}

// Behind "\nKey:"; 0: there is none.
uint64_t KibibytesOf(const char* text, const char* key) {
  const char* at = strstr(text, key);
  return at == nullptr ? 0 : ReadKibibytes(at + strlen(key));
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

void LargeAreas::Read(uintptr_t least, char* text) {
  least_ = least;
  count_ = 0;
  is_large_ = false;
  ForEachLine(
      "/proc/thread-self/smaps", text,
      [](void* self, const char* line) { static_cast<LargeAreas*>(self)->Take(line); }, this);
}

// Lines of an area follow that which begins as in maps.
void LargeAreas::Take(const char* line) {
  if (line[0] < 'A' || line[0] > 'Z') {
    Area area;
    if (!ParseArea(line, &area)) return;
    is_large_ = area.end - area.start >= least_ && count_ < kMost;
    if (is_large_) areas_[count_++] = {area.start, area.end, 0, 0};
    return;
  }
  if (!is_large_) return;
  constexpr char kResident[] = "Rss:", kOwn[] = "Anonymous:";
  if (strncmp(line, kResident, sizeof(kResident) - 1) == 0) {
    areas_[count_ - 1].resident = ReadKibibytes(line + sizeof(kResident) - 1);
  } else if (strncmp(line, kOwn, sizeof(kOwn) - 1) == 0) {
    areas_[count_ - 1].own = ReadKibibytes(line + sizeof(kOwn) - 1);
  }
}

const LargeAreas::Resident* LargeAreas::Find(uintptr_t start, uintptr_t end) const {
  for (size_t i = 0; i < count_; ++i) {
    if (areas_[i].start == start && areas_[i].end == end) return &areas_[i];
  }
  return nullptr;
}

}  // namespace heapprof
