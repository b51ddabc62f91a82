// SPDX-License-Identifier: Apache-2.0
#include "sampling/modules/retired_modules.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/constinit.h"
#include "base/system/raw_syscall.h"
#include "sampling/modules/modules.h"

namespace heapprof {
namespace {

constexpr uint64_t kPage = 4096;

HP_CONSTINIT RetiredModules g_retired;

// A module's path as the loader has it may be another name of the file.
bool IsFile(const char* path, uint64_t inode, uint32_t device) {
  struct stat file;
  return RawSyscall(SYS_newfstatat, AT_FDCWD, reinterpret_cast<long>(path), reinterpret_cast<long>(&file),
                    0) == 0 &&
         file.st_ino == inode && (major(file.st_dev) << 20 | minor(file.st_dev)) == device;
}

}  // namespace

RetiredModules& ProcessRetiredModules() { return g_retired; }

// A copy that lives for ever. nullptr: no memory.
const char* RetiredModules::KeepText(const char* text) {
  const size_t size = strlen(text) + 1;
  auto* kept = static_cast<char*>(memory_.Take(size, 1));
  if (kept != nullptr) memcpy(kept, text, size);
  return kept;
}

const RetiredModule* RetiredModules::FindOrAdd(const Module& module) {
  const uint32_t before = count_.load(std::memory_order_relaxed);
  const uint64_t size = module.limit - module.start;
  for (uint32_t i = 0; i < before; ++i) {
    const RetiredModule* entry = modules_.At(i);
    if (entry->limit - entry->start == size && entry->file_offset == module.file_offset &&
        strcmp(entry->path, module.path) == 0 && strcmp(entry->build_id, module.build_id) == 0) {
      return entry;
    }
  }
  if (!modules_.Reserve(before, 1)) return nullptr;
  const char* path = KeepText(module.path);
  const char* build_id = module.build_id[0] == '\0' ? "" : KeepText(module.build_id);
  if (path == nullptr || build_id == nullptr) return nullptr;
  const uint64_t start = kRetiredBase + given_;
  *modules_.At(before) = {start,    start + size, module.file_offset, path,
                          build_id, module.inode, module.device};
  given_ += size + kPage;
  // release: the entry before the count that covers it.
  count_.store(before + 1, std::memory_order_release);
  return modules_.At(before);
}

const RetiredModule* RetiredModules::FindCode(const CodeSegment& code, uintptr_t image,
                                              const char* path) const {
  char build_id[129] = "";
  bool have_build_id = false;
  const uint32_t total = count();
  for (uint32_t i = 0; i < total; ++i) {
    const RetiredModule& entry = At(i);
    if (entry.limit - entry.start != code.limit - code.start || entry.file_offset != code.file_offset)
      continue;
    if (!have_build_id) ReadBuildId(image, build_id, sizeof(build_id));
    have_build_id = true;
    if (strcmp(entry.build_id, build_id) != 0) continue;
    if (strcmp(entry.path, path) == 0 || IsFile(path, entry.inode, entry.device)) return &entry;
  }
  return nullptr;
}

}  // namespace heapprof
