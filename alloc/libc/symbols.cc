// SPDX-License-Identifier: Apache-2.0
#include "alloc/libc/symbols.h"

#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

namespace heapprof {

SymbolName::SymbolName(const char* name) : text(name), gnu_hash(5381) {
  constexpr uint32_t kFactor = 33;
  for (const char* c = name; *c != '\0'; ++c) gnu_hash = gnu_hash * kFactor + static_cast<unsigned char>(*c);
}

// The loader has turned these into addresses in most modules; not in those whose section cannot be written.
template <typename Table>
const Table* ModuleSymbols::At(uintptr_t value) const {
  return reinterpret_cast<const Table*>(value < base_ ? base_ + value : value);
}

ModuleSymbols::ModuleSymbols(const link_map& module) : base_(module.l_addr) {
  // The kernel's module defines functions that are libc's, too, and nobody is bound to it.
  if (module.l_ld == nullptr || (base_ != 0 && base_ == getauxval(AT_SYSINFO_EHDR))) return;
  for (const ElfW(Dyn)* entry = module.l_ld; entry->d_tag != DT_NULL; ++entry) {
    const uintptr_t value = entry->d_un.d_ptr;
    switch (entry->d_tag) {
      case DT_SYMTAB:
        symbols_ = At<ElfW(Sym)>(value);
        break;
      case DT_STRTAB:
        strings_ = At<char>(value);
        break;
      case DT_HASH:
        hash_ = At<uint32_t>(value);
        break;
      case DT_GNU_HASH:
        gnu_hash_ = At<uint32_t>(value);
        break;
      case DT_VERSYM:
        versions_ = At<ElfW(Half)>(value);
        break;
      default:
        break;
    }
  }
}

bool ModuleSymbols::IsTheOne(uint32_t index, const char* name) const {
  const ElfW(Sym)& symbol = symbols_[index];
  constexpr ElfW(Half) kOldVersion = 0x8000;
  const unsigned type = ELF64_ST_TYPE(symbol.st_info), binding = ELF64_ST_BIND(symbol.st_info);
  if (symbol.st_shndx == SHN_UNDEF || type == STT_TLS || binding == STB_LOCAL) return false;
  if (symbol.st_value == 0 && symbol.st_shndx != SHN_ABS) return false;
  if (versions_ != nullptr) {
    const ElfW(Half) version = versions_[index];
    if (version == VER_NDX_LOCAL || (version & kOldVersion) != 0) return false;
  }
  return strcmp(strings_ + symbol.st_name, name) == 0;
}

// 0: there is none.
uint32_t ModuleSymbols::FindByGnuHash(const SymbolName& name) const {
  constexpr uint32_t kWordBits = 64;
  const uint32_t hash = name.gnu_hash;
  const uint32_t bucket_count = gnu_hash_[0], first = gnu_hash_[1];
  const uint32_t filter_words = gnu_hash_[2], shift = gnu_hash_[3];
  auto* filter = reinterpret_cast<const uint64_t*>(gnu_hash_ + 4);
  auto* buckets = reinterpret_cast<const uint32_t*>(filter + filter_words);
  if (bucket_count == 0 || filter_words == 0) return 0;
  const uint64_t word = filter[(hash / kWordBits) & (filter_words - 1)];
  if (((word >> (hash % kWordBits)) & (word >> ((hash >> shift) % kWordBits)) & 1) == 0) return 0;
  uint32_t index = buckets[hash % bucket_count];
  if (index < first) return 0;
  const uint32_t* hashes = buckets + bucket_count;
  for (;; ++index) {
    const uint32_t found = hashes[index - first];
    if ((found | 1) == (hash | 1) && IsTheOne(index, name.text)) return index;
    if ((found & 1) != 0) return 0;  // the chain's last
  }
}

uint32_t ModuleSymbols::FindByHash(const char* name) const {
  uint32_t hash = 0;
  for (const char* c = name; *c != '\0'; ++c) {
    hash = (hash << 4) + static_cast<unsigned char>(*c);
    hash = (hash ^ ((hash & 0xf0000000) >> 24)) & 0x0fffffff;
  }
  const uint32_t bucket_count = hash_[0];
  if (bucket_count == 0) return 0;
  const uint32_t* chain = hash_ + 2 + bucket_count;
  for (uint32_t index = hash_[2 + hash % bucket_count]; index != 0; index = chain[index]) {
    if (IsTheOne(index, name)) return index;
  }
  return 0;
}

const link_map* FirstModule() { return _r_debug.r_map; }

const link_map* OwnModule() {
  const link_map* module = FirstModule();
  while (module != nullptr && module->l_ld != _DYNAMIC) module = module->l_next;
  return module;
}

void* ModuleSymbols::Find(const SymbolName& name) const {
  if (symbols_ == nullptr || strings_ == nullptr) return nullptr;
  uint32_t index = 0;
  if (gnu_hash_ != nullptr) {
    index = FindByGnuHash(name);
  } else if (hash_ != nullptr) {
    index = FindByHash(name.text);
  }
  if (index == 0) return nullptr;
  const ElfW(Sym)& symbol = symbols_[index];
  void* found = reinterpret_cast<void*>((symbol.st_shndx == SHN_ABS ? 0 : base_) + symbol.st_value);
  if (ELF64_ST_TYPE(symbol.st_info) != STT_GNU_IFUNC) return found;
  return reinterpret_cast<void* (*)()>(found)();
}

void* FindSymbol(const link_map* from, const char* text) {
  const SymbolName name(text);
  for (const link_map* module = from; module != nullptr; module = module->l_next) {
    if (void* found = ModuleSymbols(*module).Find(name)) return found;
  }
  return nullptr;
}

}  // namespace heapprof
