// SPDX-License-Identifier: Apache-2.0
// What an ELF file says about itself: can the loader preload a library into it, and which symbols has it.
//
// Every offset is checked against the file, which may be of any content. Thread-safety: a value; reading is
// free.
#ifndef HEAPPROF_TOOLS_SYMBOLS_ELF_FILE_H_
#define HEAPPROF_TOOLS_SYMBOLS_ELF_FILE_H_

#include <elf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heapprof::tools {

struct ElfSymbol {
  uint64_t address;  // as linked; the load bias is to be added
  uint64_t size;
};

class ElfFile {
 public:
  // No value when the file cannot be read, or is no ELF file of this machine's class and byte order.
  static std::optional<ElfFile> Open(const std::string& path);
  ElfFile(ElfFile&& other) noexcept;
  ElfFile& operator=(ElfFile&&) = delete;
  ~ElfFile();

  // The loader that it names; "" if none: then no loader runs, and nothing is preloaded.
  std::string_view interpreter() const;
  // True if libheapprof is linked into it, as its note says: a stripped file has that, too.
  bool carries_library() const;
  uint16_t type() const { return header().e_type; }
  uint16_t machine() const { return header().e_machine; }
  // The address as linked of the first byte of the first loaded segment, rounded down to its page.
  std::optional<uint64_t> first_load_address() const;

  // Looks in .symtab and .dynsym for a symbol that is defined in this file.
  std::optional<ElfSymbol> FindSymbol(std::string_view name) const;
  // Whether the loader finds such a symbol here, for other files too.
  bool Exports(std::string_view name) const;
  // The first of `names` that .symtab or .dynsym has, defined or only referred to; "" if none.
  std::string_view FirstMentioned(const std::vector<std::string_view>& names) const;

 private:
  ElfFile(const char* data, size_t size) : data_(data), size_(size) {}
  const Elf64_Ehdr& header() const { return *reinterpret_cast<const Elf64_Ehdr*>(data_); }
  // The table of `count` entries at `offset`, nullptr if it does not lie in the file.
  template <typename T>
  const T* Table(uint64_t offset, uint64_t count) const;
  // Calls visit(symbol, rest of the table of strings from its name on, type of the table) for all symbols
  // until it returns true.
  template <typename Visit>
  void ForEachSymbol(const Visit& visit) const;

  const char* data_;
  size_t size_;
};

// The class of an ELF file as its first bytes have it: ELFCLASS32, ELFCLASS64, or ELFCLASSNONE for any other
// file. `machine` is filled in for both classes.
int ElfClass(const std::string& path, uint16_t* machine);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_ELF_FILE_H_
