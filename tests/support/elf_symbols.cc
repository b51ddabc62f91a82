// SPDX-License-Identifier: Apache-2.0
#include "tests/support/elf_symbols.h"

#include <cxxabi.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/files.h"

namespace heapprof::test {
namespace {

// A copy of the T at `offset` of `file`, all zero where the file is shorter.
template <typename T>
T At(const std::string& file, uint64_t offset) {
  T value{};
  if (offset + sizeof(T) <= file.size()) memcpy(&value, file.data() + offset, sizeof(T));
  return value;
}

std::string Demangled(const char* symbol) {
  int status = 0;
  char* plain = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  std::string name = plain != nullptr ? plain : symbol;
  free(plain);
  return name;
}

}  // namespace

std::string PlainName(const std::string& demangled) {
  static const std::string kAnonymous = "(anonymous namespace)::";
  std::string name = demangled;
  for (size_t at; (at = name.find(kAnonymous)) != std::string::npos;) name.erase(at, kAnonymous.size());
  return name.substr(0, name.find('('));
}

ElfSymbols::ElfSymbols(const std::string& path) {
  const std::string file = ReadFile(path);
  const auto header = At<Elf64_Ehdr>(file, 0);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) return;
  for (int i = 0; i < header.e_phnum; ++i) {
    const auto segment = At<Elf64_Phdr>(file, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (segment.p_type == PT_LOAD) segments_.push_back({segment.p_offset, segment.p_vaddr, segment.p_filesz});
  }
  for (int i = 0; i < header.e_shnum; ++i) {
    const auto section = At<Elf64_Shdr>(file, header.e_shoff + i * sizeof(Elf64_Shdr));
    if (section.sh_type != SHT_SYMTAB && section.sh_type != SHT_DYNSYM) continue;
    const auto names = At<Elf64_Shdr>(file, header.e_shoff + section.sh_link * sizeof(Elf64_Shdr));
    for (uint64_t at = 0; at < section.sh_size; at += sizeof(Elf64_Sym)) {
      const auto symbol = At<Elf64_Sym>(file, section.sh_offset + at);
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_value == 0) continue;
      const uint64_t name = names.sh_offset + symbol.st_name;
      if (name < file.size()) functions_[symbol.st_value] = {symbol.st_size, file.c_str() + name};
    }
  }
}

std::string ElfSymbols::NameAt(uint64_t file_offset) const {
  for (const Segment& segment : segments_) {
    if (file_offset < segment.offset || file_offset >= segment.offset + segment.size) continue;
    const uint64_t address = file_offset - segment.offset + segment.address;
    auto after = functions_.upper_bound(address);
    if (after == functions_.begin()) return "";
    const auto& [begin, symbol] = *--after;
    return address < begin + symbol.size ? PlainName(Demangled(symbol.name.c_str())) : "";
  }
  return "";
}

}  // namespace heapprof::test
