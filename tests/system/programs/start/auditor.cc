// SPDX-License-Identifier: Apache-2.0
// An audit library (LD_AUDIT) that allocates whenever the loader asks it: before anything else is loaded, and
// with the loader's locks held.
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>

#define ASKED extern "C" __attribute__((visibility("default")))

namespace {

std::atomic<char*> g_kept[64];
std::atomic<unsigned> g_count{0};

// Any thread that calls a function for the first time comes here, without a lock.
void Allocate(const char* name) { free(g_kept[g_count++ % 64].exchange(strdup(name))); }

}  // namespace

ASKED unsigned la_version(unsigned) {
  Allocate("version");
  return LAV_CURRENT;
}

ASKED unsigned la_objopen(link_map* map, Lmid_t, uintptr_t*) {
  Allocate(map->l_name);
  return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

ASKED uintptr_t la_symbind64(Elf64_Sym* symbol, unsigned, uintptr_t*, uintptr_t*, unsigned*,
                             const char* name) {
  Allocate(name);
  return symbol->st_value;
}
