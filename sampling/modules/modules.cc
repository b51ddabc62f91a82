// SPDX-License-Identifier: Apache-2.0
#include "sampling/modules/modules.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/older_libc.h"
#include "base/system/raw_syscall.h"
#include "sampling/modules/retired_modules.h"

namespace heapprof {
namespace {

constexpr char kDeleted[] = " (deleted)";
constexpr size_t kDeletedSize = sizeof(kDeleted) - 1;
constexpr char kNamedMemory[] = "[anon:";  // by prctl

// Cuts the mark of a deleted file off `path`.
bool CutDeleted(const char* path, size_t* size) {
  if (*size < kDeletedSize || memcmp(path + *size - kDeletedSize, kDeleted, kDeletedSize) != 0) return false;
  *size -= kDeletedSize;
  return true;
}

// Reads a number in `base` from *at on; stops at the first other character.
uint64_t TakeNumber(const char** at, const char* end, unsigned base) {
  uint64_t value = 0;
  for (; *at < end; ++*at) {
    char c = **at;
    unsigned digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
    if (digit >= base) break;
    value = value * base + digit;
  }
  return value;
}

bool TakeChar(const char** at, const char* end, char c) {
  if (*at == end || **at != c) return false;
  ++*at;
  return true;
}

// The kernel writes a newline in a path as \012. Undone in place; the new size.
size_t Unescape(char* path, size_t size) {
  size_t to = 0;
  for (size_t from = 0; from < size; to++) {
    if (size - from >= 4 && memcmp(path + from, "\\012", 4) == 0) {
      path[to] = '\n';
      from += 4;
    } else {
      path[to] = path[from++];
    }
  }
  return to;
}

}  // namespace

struct ModuleTable::Line {
  uintptr_t start, limit;
  uint64_t offset, inode;
  uint32_t device;
  const char* path;
  size_t path_size;
  bool deleted;
};

int ModuleTable::Read() {
  int error = ReadMapped();
  AddRetired();
  return error;
}

int ModuleTable::ReadMapped() {
  char exe[4096];
  ssize_t size = -ENOENT;
  constexpr const char* kLinks[] = {"/proc/self/exe", "/proc/thread-self/exe"};
  for (const char* link : kLinks) {
    size = RawSyscall(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>(link), reinterpret_cast<long>(exe),
                      sizeof(exe) - 1);
    if (size > 0) break;
  }
  size_t exe_size = size > 0 ? static_cast<size_t>(size) : 0;
  CutDeleted(exe, &exe_size);
  exe[exe_size] = '\0';
  int error = ReadFrom("/proc/self/maps", exe);
  return error == 0 ? 0 : ReadFrom("/proc/thread-self/maps", exe);
}

int ModuleTable::ReadFrom(const char* maps_path, const char* exe) {
  count_ = main_ = dropped_ = 0;
  main_known_ = false;
  pool_used_ = 0;
  header_at_ = header_inode_ = code_of_ = 0;
  adopted_ = kNone;
  int fd = RawOpen(maps_path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  char* text = space_->text;
  size_t held = 0;
  bool skipping = false;  // within a line that is longer than the buffer
  bool empty = true;
  ssize_t got;
  for (;;) {
    got = RawRead(fd, text + held, kReadSize - held);
    if (got == -EINTR) continue;
    if (got <= 0) break;
    empty = false;
    held += static_cast<size_t>(got);
    size_t line = 0;
    for (;;) {
      auto* end = static_cast<char*>(memchr(text + line, '\n', held - line));
      if (end == nullptr) break;
      if (!skipping) AddLine(text + line, static_cast<size_t>(end - text) - line, exe);
      skipping = false;
      line = static_cast<size_t>(end - text) + 1;
    }
    held -= line;
    memmove(text, text + line, held);
    if (held == kReadSize) {
      if (!skipping) dropped_++;
      skipping = true;
      held = 0;
    }
  }
  RawClose(fd);
  if (held > 0 && !skipping) AddLine(text, held, exe);
  ReadBuildIds();
  if (got < 0) return static_cast<int>(got);
  return empty ? -ENODATA : 0;
}

// start-limit rwxp offset major:minor inode   path
void ModuleTable::AddLine(char* text, size_t size, const char* exe) {
  const char* at = text;
  const char* end = text + size;
  Line line = {};
  line.start = TakeNumber(&at, end, 16);
  if (!TakeChar(&at, end, '-')) return;
  line.limit = TakeNumber(&at, end, 16);
  if (!TakeChar(&at, end, ' ') || end - at < 5 || at[4] != ' ') return;
  bool executable = at[2] == 'x';
  at += 5;
  line.offset = TakeNumber(&at, end, 16);
  if (!TakeChar(&at, end, ' ')) return;
  uint64_t major = TakeNumber(&at, end, 16);
  if (!TakeChar(&at, end, ':')) return;
  uint64_t minor = TakeNumber(&at, end, 16);
  line.device = static_cast<uint32_t>(major << 20 | minor);
  if (!TakeChar(&at, end, ' ')) return;
  line.inode = TakeNumber(&at, end, 10);
  while (TakeChar(&at, end, ' ')) {
  }
  if (line.limit <= line.start) return;
  const bool is_header = line.offset == 0 && line.inode != 0;
  if (!executable && !is_header && (adopted_ == kNone || line.inode == 0)) return;
  char* path = text + (at - text);
  line.path = path;
  line.path_size = Unescape(path, static_cast<size_t>(end - at));
  line.deleted = CutDeleted(path, &line.path_size);
  // In the middle of an image there may be another file's pages: huge ones.
  if (executable && !IsOfHeader(line) && AddCodeOfImage(line, exe)) return;
  if (line.inode != 0) NoteFile(line);
  if (is_header) NoteHeader(line);
  if (executable) AddModule(line, exe);
}

bool ModuleTable::IsOfHeader(const Line& line) const {
  return line.inode != 0 && line.inode == header_inode_ && line.device == header_device_;
}

void ModuleTable::NoteHeader(const Line& line) {
  header_inode_ = line.inode;
  header_device_ = line.device;
  header_at_ = line.start;
  header_deleted_ = line.deleted;
  header_path_size_ = line.path_size < kMaxPath ? line.path_size : 0;
  memcpy(space_->header_path, line.path, header_path_size_);
}

// The first mapping of the file behind code that was adopted without one.
void ModuleTable::NoteFile(const Line& line) {
  if (adopted_ == kNone) return;
  if (line.start < adopted_limit_) {
    const char* path = Keep(line.path, line.path_size);
    for (uint32_t i = adopted_; i < count_; ++i) {
      Module& module = space_->modules[i];
      if (module.inode != 0) continue;
      module.inode = line.inode;
      module.device = line.device;
      module.deleted = line.deleted;
      if (path != nullptr) module.path = path;
    }
  }
  adopted_ = kNone;
}

// Executable memory that is no part of the file before it: whether it is the code of a loaded image, whose
// segment lies there.
bool ModuleTable::AddCodeOfImage(const Line& line, const char* exe) {
  if (line.path_size > 0 && line.path[0] == '[' &&
      (line.path_size < sizeof(kNamedMemory) ||
       memcmp(line.path, kNamedMemory, sizeof(kNamedMemory) - 1) != 0)) {
    return false;  // [vdso]
  }
  Line file = {
      0, 0, 0, header_inode_, header_device_, space_->header_path, header_path_size_, header_deleted_};
  if (header_at_ != 0 && header_path_size_ != 0 && AddPartsOf(header_at_, line, file, exe)) return true;
  // The header went with the code: what the loader says.
  dl_find_object object;
  if (_dl_find_object(reinterpret_cast<void*>(line.start), &object) != 0) return false;
  const char* name = object.dlfo_link_map->l_name;
  if (name == nullptr || name[0] == '\0') name = exe;
  file = {0, 0, 0, 0, 0, name, strlen(name), false};
  const uint32_t first = count_;
  if (!AddPartsOf(reinterpret_cast<uintptr_t>(object.dlfo_map_start), line, file, exe)) return false;
  if (adopted_ == kNone) adopted_ = first;
  // Where a program has a hole between its segments, as one that may get pages of 64 KiB, glibc tells of one
  // segment.
  const auto told_limit = reinterpret_cast<uintptr_t>(object.dlfo_map_end);
  adopted_limit_ = told_limit > code_image_limit_ ? told_limit : code_image_limit_;
  return true;
}

// The parts of `line` that are code of the image at `image`, as modules of `file`.
bool ModuleTable::AddPartsOf(uintptr_t image, const Line& line, const Line& file, const char* exe) {
  if (code_of_ != image) {
    code_of_ = image;
    code_image_limit_ = 0;
    code_count_ = ReadCodeSegments(image, code_, kMaxCodeSegments, &code_image_limit_);
  }
  bool any = false;
  for (size_t i = 0; i < code_count_; ++i) {
    Line part = file;
    part.start = line.start > code_[i].start ? line.start : code_[i].start;
    part.limit = line.limit < code_[i].limit ? line.limit : code_[i].limit;
    if (part.start >= part.limit) continue;
    part.offset = code_[i].file_offset + (part.start - code_[i].start);
    const uint32_t before = count_;
    AddModule(part, exe);
    if (count_ > before && space_->modules[before].image_base == 0)
      space_->modules[before].image_base = image;
    any = true;
  }
  return any;
}

void ModuleTable::AddModule(const Line& line, const char* exe) {
  // The kernel hands the file out in pieces, between which mappings may change: keep to ascending addresses.
  Module* last = count_ > 0 ? &space_->modules[count_ - 1] : nullptr;
  if (last != nullptr && line.start < last->limit) return;
  bool same_path = last != nullptr && strlen(last->path) == line.path_size &&
                   memcmp(last->path, line.path, line.path_size) == 0;
  bool same_file = same_path && last->inode == line.inode && last->device == line.device;
  // A mapping that mprotect or madvise has split is one again.
  if (same_file && last->limit == line.start &&
      (line.inode == 0 || last->file_offset + (last->limit - last->start) == line.offset)) {
    last->limit = line.limit;
    return;
  }
  const char* path = same_path              ? last->path
                     : count_ < kMaxModules ? Keep(line.path, line.path_size)
                                            : nullptr;
  if (count_ == kMaxModules || path == nullptr) {
    dropped_++;
    return;
  }
  Module* module = &space_->modules[count_];
  *module = {line.start, line.limit, line.offset, line.inode, line.device, 0, path, "", line.deleted};
  if (line.inode != 0 && header_at_ != 0 && header_inode_ == line.inode && header_device_ == line.device) {
    module->image_base = header_at_;
  } else if (strcmp(path, "[vdso]") == 0) {
    module->image_base = line.start;
  }
  if (!main_known_ && exe[0] != '\0' && strcmp(path, exe) == 0) {
    main_known_ = true;
    main_ = count_;
  }
  count_++;
}

void ModuleTable::AddRetired() {
  const uint32_t retired = ProcessRetiredModules().count();
  const uint32_t added = retired < kMaxModules - count_ ? retired : kMaxModules - count_;
  dropped_ += retired - added;
  // Above user space in ascending order, and below the kernel's page.
  uint32_t place = count_;
  while (place > 0 && space_->modules[place - 1].start >= kRetiredBase) place--;
  memmove(&space_->modules[place + added], &space_->modules[place], (count_ - place) * sizeof(Module));
  for (uint32_t i = 0; i < added; i++) {
    const RetiredModule& module = ProcessRetiredModules().At(i);  // its texts live for ever
    space_->modules[place + i] = {module.start, module.limit,    module.file_offset,
                                  module.inode, module.device,   0,
                                  module.path,  module.build_id, false};
  }
  count_ += added;
}

const char* ModuleTable::Keep(const char* text, size_t size) {
  if (size + 1 > kPoolSize - pool_used_) return nullptr;
  char* to = space_->pool + pool_used_;
  memcpy(to, text, size);  // NOLINT(clang-analyzer-core.NonNullParamChecker): a place in an array
  to[size] = '\0';
  pool_used_ += size + 1;
  return to;
}

void ModuleTable::ReadBuildIds() {
  char id[129];
  for (uint32_t i = 0; i < count_; i++) {
    Module* module = &space_->modules[i];
    if (module->image_base == 0) continue;
    if (i > 0 && module->image_base == module[-1].image_base) {
      module->build_id = module[-1].build_id;
      continue;
    }
    size_t size = ReadBuildId(module->image_base, id, sizeof(id));
    const char* kept = size > 0 ? Keep(id, size) : nullptr;
    if (kept != nullptr) module->build_id = kept;
  }
}

uint32_t ModuleTable::Find(uintptr_t address) const {
  uint32_t low = 0, high = count_;  // the first module that ends above `address` is in [low, high]
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (space_->modules[middle].limit <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == count_ || space_->modules[low].start > address) return kNone;
  return low;
}

}  // namespace heapprof
