// SPDX-License-Identifier: Apache-2.0
#include "alloc/libc/loaded_modules.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

#include <algorithm>

#include "alloc/libc/symbols.h"
#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

constexpr uintptr_t kPage = 4096;

// Where a sandbox forbids that, the memory is asked for page by page.
bool Read(const void* from, void* to, size_t size) {
  const ssize_t done = RawReadOwnMemory(from, to, size);
  if (done != -EPERM && done != -ENOSYS) return done == static_cast<ssize_t>(size);
  const auto* begin = static_cast<const char*>(from);
  for (const char* at = begin; at < begin + size; at += kPage) {
    if (!RawReadable(at)) return false;
  }
  if (!RawReadable(begin + size - 1)) return false;
  memcpy(to, from, size);
  return true;
}

bool Has(const ElfW(Phdr) * segments, int count, const link_map& map) {
  for (int i = 0; i < count; ++i) {
    if (segments[i].p_type == PT_DYNAMIC) {
      return map.l_addr + segments[i].p_vaddr == reinterpret_cast<uintptr_t>(map.l_ld);
    }
  }
  return false;
}

}  // namespace

// nullptr: nothing is there that looks like the module.
const ElfW(Phdr) * LoadedModules::ReadSegments(const link_map& map, int* count) {
  if (map.l_prev == nullptr) {
    // The program's are where the kernel says, unless it was started by the loader as a command.
    auto* segments = reinterpret_cast<const ElfW(Phdr)*>(getauxval(AT_PHDR));
    *count = static_cast<int>(getauxval(AT_PHNUM));
    if (segments != nullptr && Has(segments, *count, map)) return segments;
  }
  ElfW(Ehdr) header;
  if (map.l_addr == 0 || !Read(reinterpret_cast<const void*>(map.l_addr), &header, sizeof(header)) ||
      memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return nullptr;
  }
  *count = std::min<int>(header.e_phnum, kMaxSegments);
  const auto* at = reinterpret_cast<const void*>(map.l_addr + header.e_phoff);
  if (!Read(at, segments_, static_cast<size_t>(*count) * sizeof(*segments_))) return nullptr;
  return Has(segments_, *count, map) ? segments_ : nullptr;
}

void LoadedModules::Add(const link_map& map, const link_map* at, Table* table) {
  int count = 0;
  const ElfW(Phdr)* segments = ReadSegments(map, &count);
  if (segments == nullptr) return;
  const uint32_t first = table->count;
  uintptr_t eh_frame_hdr = 0;
  for (int i = 0; i < count; ++i) {
    const uintptr_t start = map.l_addr + segments[i].p_vaddr;
    if (segments[i].p_type == PT_GNU_EH_FRAME) eh_frame_hdr = start;
    if (segments[i].p_type != PT_LOAD || table->count == kMax) continue;
    const uintptr_t lo = start & ~(kPage - 1), hi = start + segments[i].p_memsz;
    // A library is mapped in one piece. What lies in the gaps of a program is others'.
    LoadedModule* last = table->count > first ? &table->modules[table->count - 1] : nullptr;
    if (last != nullptr && (map.l_prev != nullptr || lo < last->hi + kPage)) {
      last->hi = std::max(last->hi, hi);
    } else {
      table->modules[table->count++] = {lo, hi, 0, {0, 0}, at};
    }
  }
  uint64_t mark[2] = {0, 0};
  if (eh_frame_hdr != 0 && !Read(reinterpret_cast<const void*>(eh_frame_hdr), mark, sizeof(mark))) {
    // It goes just now: another module may come to the same place, and would be taken for one without tables.
    table->count = first;
    return;
  }
  for (uint32_t i = first; i < table->count; ++i) {
    table->modules[i].eh_frame_hdr = eh_frame_hdr;
    memcpy(table->modules[i].mark, mark, sizeof(mark));
  }
}

void LoadedModules::Take() {
  // acquire, and release below: the other table is whoever's turn it is.
  if (taking_.exchange(true, std::memory_order_acquire)) return;
  const uint64_t taken = taken_.load(std::memory_order_relaxed);
  Table* table = &tables_[(taken + 1) & 1];
  table->count = 0;
  table->last = nullptr;
  link_map map;
  uint32_t seen = 0;
  for (const link_map* at = FirstModule(); at != nullptr && seen < kMax; at = map.l_next, ++seen) {
    if (!Read(at, &map, sizeof(map))) break;
    table->last = at;
    Add(map, at, table);
  }
  std::sort(table->modules, table->modules + table->count,
            [](const LoadedModule& a, const LoadedModule& b) { return a.lo < b.lo; });
  // release: the table before its number.
  taken_.store(taken + 1, std::memory_order_release);
  taking_.store(false, std::memory_order_release);
}

bool LoadedModules::FindKnown(uintptr_t address, LoadedModule* module) const {
  for (;;) {
    const uint64_t taken = taken_.load(std::memory_order_acquire);
    const Table& table = tables_[taken & 1];
    const LoadedModule* begin = table.modules;
    const LoadedModule* end = begin + std::min(table.count, kMax);
    const LoadedModule* above = std::upper_bound(
        begin, end, address, [](uintptr_t at, const LoadedModule& each) { return at < each.lo; });
    const bool is_there = above != begin && address < above[-1].hi;
    if (is_there) *module = above[-1];
    // acquire: read before asked.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (taken_.load(std::memory_order_relaxed) == taken) return is_there;
  }
}

// Whether the list goes on behind the module that was its last, or that one is not in it any more.
bool LoadedModules::HasNew() const {
  const link_map* last = tables_[taken_.load(std::memory_order_acquire) & 1].last;
  link_map map, before;
  if (last == nullptr || !Read(last, &map, sizeof(map)) || map.l_next != nullptr) return true;
  return map.l_prev != nullptr && (!Read(map.l_prev, &before, sizeof(before)) || before.l_next != last);
}

bool LoadedModules::Find(uintptr_t address, LoadedModule* module) {
  for (int tries = 0;; ++tries) {
    bool is_there = FindKnown(address, module);
    if (is_there && module->eh_frame_hdr != 0) {
      uint64_t mark[2];
      is_there = Read(reinterpret_cast<const void*>(module->eh_frame_hdr), mark, sizeof(mark)) &&
                 memcmp(mark, module->mark, sizeof(mark)) == 0;
      if (!is_there && tries == 0) {
        Take();
        continue;
      }
    }
    if (is_there || tries != 0 || !HasNew()) return is_there;
    Take();
  }
}

}  // namespace heapprof
