// SPDX-License-Identifier: Apache-2.0
#include "leak/search/memory_map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <initializer_list>

#include "base/hex.h"
#include "base/system/raw_syscall.h"

namespace heapprof::leak {
namespace {

bool StartsWith(const char* text, const char* start) { return strncmp(text, start, strlen(start)) == 0; }

constexpr size_t kLineBytes = 16 << 10;  // a path of 4,096 bytes, escaped, and the fields before it

}  // namespace

MemoryMap::~MemoryMap() {
  if (mappings_ != nullptr) RawUnmap(mappings_, capacity_ * sizeof(Mapping));
}

// "start-end rwxp offset major:minor inode   path"; `line` ends with a NUL.
bool MemoryMap::AddLine(const char* line, size_t size) {
  if (count_ == capacity_) {
    size_t wider = capacity_ == 0 ? 4096 : capacity_ * 2;
    auto* fresh = static_cast<Mapping*>(RawMap(wider * sizeof(Mapping)));
    if (fresh == nullptr) return false;
    if (mappings_ != nullptr) {
      memcpy(fresh, mappings_, count_ * sizeof(Mapping));
      RawUnmap(mappings_, capacity_ * sizeof(Mapping));
    }
    mappings_ = fresh;
    capacity_ = wider;
  }
  const char* at = line;
  Mapping mapping = {};
  mapping.start = ReadHex(&at);
  if (*at++ != '-') return true;
  mapping.end = ReadHex(&at);
  if (*at++ != ' ' || static_cast<size_t>(at - line) + 4 >= size) return true;
  mapping.readable = at[0] == 'r';
  mapping.writable = at[1] == 'w';
  mapping.executable = at[2] == 'x';
  mapping.shared = at[3] == 's';
  const char* path = at;
  for (int field = 0; field < 4 && path != nullptr; ++field) {  // permissions, offset, device, inode
    path = strchr(path + (field > 0 ? 1 : 0), ' ');
  }
  while (path != nullptr && *path == ' ') ++path;
  if (path == nullptr) path = "";
  mapping.anonymous = path[0] != '/';
  for (const char* memory : {"/dev/zero", "/memfd:", "/SYSV", "/anon_hugepage", "/dev/shm/"}) {
    if (StartsWith(path, memory)) mapping.anonymous = true;
  }
  const char* name = strrchr(path, '/');
  mapping.loader = name != nullptr && (StartsWith(name + 1, "ld-linux") || StartsWith(name + 1, "ld-2."));
  mappings_[count_++] = mapping;
  return true;
}

int MemoryMap::Read() {
  // Once the main thread has ended /proc/self is empty, while thread-self still answers.
  int fd = RawOpen("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  auto* text = static_cast<char*>(RawMap(kLineBytes + 1));
  if (text == nullptr) {
    RawClose(fd);
    return -ENOMEM;
  }
  int error = 0;
  size_t held = 0;
  for (;;) {
    ssize_t got = RawRead(fd, text + held, kLineBytes - held);
    if (got == -EINTR) continue;
    if (got < 0) error = static_cast<int>(got);
    if (got <= 0) break;
    held += static_cast<size_t>(got);
    size_t begin = 0;
    for (size_t i = 0; i < held; ++i) {
      if (text[i] != '\n') continue;
      text[i] = '\0';
      if (!AddLine(text + begin, i - begin)) error = -ENOMEM;
      begin = i + 1;
    }
    memmove(text, text + begin, held - begin);
    held -= begin;
    if (held == kLineBytes) held = 0;  // no line is that long
  }
  RawUnmap(text, kLineBytes + 1);
  RawClose(fd);
  if (error == 0 && count_ == 0) error = -ENODATA;
  return error;
}

const Mapping* MemoryMap::FindFrom(uintptr_t address) const {
  size_t low = 0, high = count_;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (mappings_[middle].end <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < count_ ? &mappings_[low] : nullptr;
}

const Mapping* MemoryMap::Find(uintptr_t address) const {
  const Mapping* mapping = FindFrom(address);
  return mapping != nullptr && mapping->start <= address ? mapping : nullptr;
}

const Mapping* MemoryMap::Below(const Mapping& mapping) const {
  const Mapping* below = &mapping - 1;
  return &mapping != mappings_ && below->end == mapping.start ? below : nullptr;
}

}  // namespace heapprof::leak
