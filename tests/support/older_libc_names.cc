// SPDX-License-Identifier: Apache-2.0
// What code under test refers to by libc's names and a libc before 2.35 does not have, for unit tests without
// the shared library, which finds such functions itself (alloc/libc/). In each test's own object, hidden.
#include <string.h>

#include <algorithm>

#include "base/older_libc.h"

#pragma GCC visibility push(hidden)
extern "C" {

#if !__GLIBC_PREREQ(2, 32)
char __libc_single_threaded = 0;  // perhaps not alone
const char* strerrordesc_np(int error) {
  return error < 134 ? strerror(error) : nullptr;
}  // EHWPOISON is the last
#endif

#if !__GLIBC_PREREQ(2, 35)
namespace {

struct Search {
  uintptr_t address;
  dl_find_object* result;
};

int Look(dl_phdr_info* module, size_t, void* argument) {
  const auto* search = static_cast<Search*>(argument);
  uintptr_t lo = UINTPTR_MAX, hi = 0, tables = 0;
  for (int i = 0; i < module->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = module->dlpi_phdr[i];
    const uintptr_t start = module->dlpi_addr + segment.p_vaddr;
    constexpr uintptr_t kPage = 4096;
    if (segment.p_type == PT_GNU_EH_FRAME) tables = start;
    if (segment.p_type != PT_LOAD) continue;
    lo = std::min(lo, start & ~(kPage - 1));
    hi = std::max(hi, start + segment.p_memsz);
  }
  if (search->address < lo || search->address >= hi) return 0;
  search->result->dlfo_map_start = reinterpret_cast<void*>(lo);
  search->result->dlfo_map_end = reinterpret_cast<void*>(hi);
  search->result->dlfo_eh_frame = reinterpret_cast<void*>(tables);
  return 1;
}

}  // namespace

int _dl_find_object(void* address, dl_find_object* result) noexcept {
  *result = {};
  Search search = {reinterpret_cast<uintptr_t>(address), result};
  if (dl_iterate_phdr(Look, &search) == 0) return -1;
  Dl_info info;
  void* map = nullptr;
  dladdr1(address, &info, &map, RTLD_DL_LINKMAP);
  result->dlfo_link_map = static_cast<link_map*>(map);
  return 0;
}
#endif

}  // extern "C"
#pragma GCC visibility pop
