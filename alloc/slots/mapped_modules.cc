// SPDX-License-Identifier: Apache-2.0
#include "alloc/slots/mapped_modules.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "base/memory/arena.h"
#include "base/older_libc.h"
#include "sampling/modules/modules.h"

namespace heapprof {

int VisitMappedModules(int (*visit)(dl_phdr_info*, size_t, void*), void* argument) {
  static ModuleTable::Workspace* workspace = nullptr;
  if (workspace == nullptr) {
    workspace = static_cast<ModuleTable::Workspace*>(MapMetadata(sizeof(ModuleTable::Workspace)));
    if (workspace == nullptr) return -ENOMEM;
  }
  ModuleTable table(workspace);
  const int error = table.ReadMapped();
  if (error != 0) return error;
  const void* last = nullptr;  // a module may have several mappings of code
  for (uint32_t i = 0; i < table.count(); ++i) {
    dl_find_object object;
    if (_dl_find_object(reinterpret_cast<void*>(table.at(i).start), &object) != 0) continue;
    const void* start = object.dlfo_map_start;
    if (start == last) continue;
    last = start;
    const auto* header = static_cast<const ElfW(Ehdr)*>(start);
    // A loader that starts with another segment than the header's does not say where the segments stand.
    if (table.at(i).image_base != reinterpret_cast<uintptr_t>(start)) continue;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) continue;
    dl_phdr_info info = {};
    info.dlpi_addr = object.dlfo_link_map->l_addr;
    info.dlpi_phdr = reinterpret_cast<const ElfW(Phdr)*>(static_cast<const char*>(start) + header->e_phoff);
    info.dlpi_phnum = header->e_phnum;
    if (visit(&info, sizeof(info), argument) != 0) break;
  }
  return 0;
}

}  // namespace heapprof
