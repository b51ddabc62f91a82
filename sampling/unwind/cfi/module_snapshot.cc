// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/cfi/module_snapshot.h"

#include <link.h>

#include <algorithm>

namespace heapprof::unwind {
namespace {

// The module of a program header table; false: it has no code, or no unwind tables.
bool TablesOf(const dl_phdr_info& info, UnwindTables* tables) {
  *tables = {UINTPTR_MAX, 0, 0, 0, 0};
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info.dlpi_phdr[i];
    const uintptr_t start = info.dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD) {
      tables->lo = std::min(tables->lo, start);
      tables->hi = std::max(tables->hi, start + header.p_memsz);
    } else if (header.p_type == PT_GNU_EH_FRAME) {
      tables->eh_frame_hdr = start;
    }
  }
  tables->code_lo = tables->lo;
  tables->code_hi = tables->hi;
  return tables->eh_frame_hdr != 0 && tables->lo < tables->hi;
}

}  // namespace

void ModuleSnapshot::Take() {
  const uint64_t taken = taken_.load(std::memory_order_relaxed);
  Table* table = &tables_[(taken + 1) & 1];
  table->count = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* to) {
        auto* filled = static_cast<Table*>(to);
        UnwindTables tables;
        if (filled->count < kMax && TablesOf(*info, &tables)) filled->modules[filled->count++] = tables;
        return 0;
      },
      table);
  std::sort(table->modules, table->modules + table->count,
            [](const UnwindTables& a, const UnwindTables& b) { return a.lo < b.lo; });
  // release: the table before its number.
  taken_.store(taken + 1, std::memory_order_release);
}

bool ModuleSnapshot::Find(uintptr_t pc, UnwindTables* tables) const {
  const uint64_t taken = taken_.load(std::memory_order_acquire);
  const Table& table = tables_[taken & 1];
  const UnwindTables* begin = table.modules;
  const UnwindTables* end = begin + std::min(table.count, kMax);
  const UnwindTables* above = std::upper_bound(
      begin, end, pc, [](uintptr_t at, const UnwindTables& module) { return at < module.lo; });
  if (above == begin || pc >= above[-1].hi) return false;
  *tables = above[-1];
  // The next taking goes to the other table; only the one after that writes here. acquire: read before asked.
  std::atomic_thread_fence(std::memory_order_acquire);
  return taken_.load(std::memory_order_relaxed) - taken < 2;
}

}  // namespace heapprof::unwind
