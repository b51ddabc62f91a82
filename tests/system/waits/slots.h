// SPDX-License-Identifier: Apache-2.0
// What the import slots of this program hold, for the programs of this folder.
#ifndef HEAPPROF_TESTS_SYSTEM_WAITS_SLOTS_H_
#define HEAPPROF_TESTS_SYSTEM_WAITS_SLOTS_H_

#include <link.h>
#include <stdio.h>
#include <string.h>

#include <string>
#include <vector>

struct Slot {
  std::string name;
  void** place;
};

// Of the module of that dynamic section: the main program's is _DYNAMIC.
inline std::vector<Slot> SlotsOf(const ElfW(Dyn) * dynamic, uintptr_t base) {
  const ElfW(Rela) * tables[2] = {nullptr, nullptr};
  size_t sizes[2] = {0, 0};
  const ElfW(Sym)* symbols = nullptr;
  const char* strings = nullptr;
  for (; dynamic->d_tag != DT_NULL; ++dynamic) {
    const auto value = dynamic->d_un.d_ptr;
    if (dynamic->d_tag == DT_JMPREL) tables[0] = reinterpret_cast<const ElfW(Rela)*>(value);
    if (dynamic->d_tag == DT_PLTRELSZ) sizes[0] = value;
    if (dynamic->d_tag == DT_RELA) tables[1] = reinterpret_cast<const ElfW(Rela)*>(value);
    if (dynamic->d_tag == DT_RELASZ) sizes[1] = value;
    if (dynamic->d_tag == DT_SYMTAB) symbols = reinterpret_cast<const ElfW(Sym)*>(value);
    if (dynamic->d_tag == DT_STRTAB) strings = reinterpret_cast<const char*>(value);
  }
  std::vector<Slot> slots;
  for (int t = 0; t < 2; ++t) {
    for (size_t i = 0; i < sizes[t] / sizeof(ElfW(Rela)); ++i) {
      const ElfW(Rela)& entry = tables[t][i];
      const auto type = ELF64_R_TYPE(entry.r_info);
      if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
      const char* name = strings + symbols[ELF64_R_SYM(entry.r_info)].st_name;
      slots.push_back({name, reinterpret_cast<void**>(base + entry.r_offset)});
    }
  }
  return slots;
}

// "r--p" or the like, of the page of `address`.
inline std::string ProtectionOf(const void* address) {
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[512];
  std::string found;
  while (maps != nullptr && fgets(line, sizeof line, maps) != nullptr) {
    unsigned long begin = 0, end = 0;
    char protection[8] = "";
    if (sscanf(line, "%lx-%lx %7s", &begin, &end, protection) != 3) continue;
    const auto at = reinterpret_cast<unsigned long>(address);
    if (at >= begin && at < end) found = protection;
  }
  if (maps != nullptr) fclose(maps);
  return found;
}

#endif  // HEAPPROF_TESTS_SYSTEM_WAITS_SLOTS_H_
