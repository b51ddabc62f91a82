// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/cfi/eh_frame_section.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>

#include <atomic>

#include "base/system/raw_syscall.h"

namespace heapprof::unwind {
namespace {

constexpr char kName[] = ".eh_frame";
constexpr uint32_t kMaxSections = 4096;

bool ReadAt(int fd, uint64_t offset, void* to, size_t size) {
  return RawPread(fd, to, size, offset) == static_cast<ssize_t>(size);
}

// In addresses of the file.
bool ReadFromFile(int fd, EhFrameSection* section) {
  Elf64_Ehdr header;
  Elf64_Shdr names, candidate;
  if (!ReadAt(fd, 0, &header, sizeof(header)) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof(Elf64_Shdr) ||
      header.e_shnum > kMaxSections || header.e_shstrndx >= header.e_shnum ||
      !ReadAt(fd, header.e_shoff + uint64_t{header.e_shstrndx} * sizeof(names), &names, sizeof(names))) {
    return false;
  }
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    char name[sizeof(kName)];
    if (!ReadAt(fd, header.e_shoff + i * sizeof(candidate), &candidate, sizeof(candidate))) return false;
    if ((candidate.sh_flags & SHF_ALLOC) == 0 || candidate.sh_type == SHT_NOBITS) continue;
    if (!ReadAt(fd, names.sh_offset + candidate.sh_name, name, sizeof(name))) continue;
    if (memcmp(name, kName, sizeof(kName)) != 0) continue;
    *section = {candidate.sh_addr, candidate.sh_addr + candidate.sh_size};
    return section->lo < section->hi;
  }
  return false;
}

bool Read(const link_map& module, EhFrameSection* section) {
  const bool is_program = module.l_name == nullptr || module.l_name[0] == '\0';
  const int fd = RawOpen(is_program ? "/proc/self/exe" : module.l_name, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool found = ReadFromFile(fd, section);
  RawClose(fd);
  section->lo += module.l_addr;
  section->hi += module.l_addr;
  return found;
}

// What was found so far, by the module's address; lo == 0: it has none. An entry is complete when its address
// is there.
constexpr uint32_t kMaxModules = 64;
struct Entry {
  std::atomic<uintptr_t> map_start, bias, lo, hi;
};
Entry g_entries[kMaxModules];
std::atomic<uint32_t> g_count{0};

}  // namespace

bool FindEhFrameSection(const link_map& module, uintptr_t map_start, EhFrameSection* section) {
  const uint32_t taken = g_count.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < taken && i < kMaxModules; ++i) {
    // acquire: pairs with the release below.
    if (g_entries[i].map_start.load(std::memory_order_acquire) != map_start) continue;
    if (g_entries[i].bias.load(std::memory_order_relaxed) != module.l_addr) continue;
    *section = {g_entries[i].lo.load(std::memory_order_relaxed),
                g_entries[i].hi.load(std::memory_order_relaxed)};
    return section->lo != 0;
  }
  if (taken >= kMaxModules) return false;
  if (!Read(module, section)) *section = {0, 0};
  const uint32_t slot = g_count.fetch_add(1, std::memory_order_relaxed);
  if (slot < kMaxModules) {
    g_entries[slot].map_start.store(0, std::memory_order_relaxed);
    g_entries[slot].bias.store(module.l_addr, std::memory_order_relaxed);
    g_entries[slot].lo.store(section->lo, std::memory_order_relaxed);
    g_entries[slot].hi.store(section->hi, std::memory_order_relaxed);
    // release: the entry before the address that it is found by.
    g_entries[slot].map_start.store(map_start, std::memory_order_release);
  }
  return section->lo != 0;
}

// A search that is under way may take parts of two modules' entries for one, and finds that no module has
// such a section.
void ForgetEhFrameSections() { g_count.store(0, std::memory_order_relaxed); }

}  // namespace heapprof::unwind
