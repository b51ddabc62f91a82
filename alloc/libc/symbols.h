// SPDX-License-Identifier: Apache-2.0
// Symbols of the modules that are loaded, by name, without dlsym: before glibc 2.34 a program has dlsym only
// if it is linked to libdl.
//
// Modules are looked at in the order of the loader's list: for those that were there at the start, it is the
// order in which the loader itself looks. Of a name's versions the default one is taken, and functions that
// choose by the processor (IFUNC) choose.
//
// Thread-safety: while no module comes or goes; the caller holds the loader's lock, or is alone.
// Signal-safety: no. Allocates: never.
#pragma once

#include <link.h>
#include <stdint.h>

namespace heapprof {

// The first module of the program.
const link_map* FirstModule();
// The one that this code is in; nullptr: it is not in the list.
const link_map* OwnModule();

// A name as it is looked for in one module after the other.
struct SymbolName {
  explicit SymbolName(const char* name);
  SymbolName(const char* name, uint32_t hash) : text(name), gnu_hash(hash) {}
  const char* text;
  uint32_t gnu_hash;
};

// A module's tables of names.
class ModuleSymbols {
 public:
  explicit ModuleSymbols(const link_map& module);
  // nullptr: it defines none that others may use.
  void* Find(const SymbolName& name) const;
  void* Find(const char* name) const { return Find(SymbolName(name)); }

 private:
  template <typename Table>
  const Table* At(uintptr_t value) const;
  bool IsTheOne(uint32_t index, const char* name) const;
  uint32_t FindByGnuHash(const SymbolName& name) const;
  uint32_t FindByHash(const char* name) const;

  uintptr_t base_;
  const ElfW(Sym) * symbols_ = nullptr;
  const char* strings_ = nullptr;
  const uint32_t* hash_ = nullptr;
  const uint32_t* gnu_hash_ = nullptr;
  const ElfW(Half) * versions_ = nullptr;
};

// In `from`, or the first after it that has one.
void* FindSymbol(const link_map* from, const char* name);

}  // namespace heapprof
