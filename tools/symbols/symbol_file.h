// SPDX-License-Identifier: Apache-2.0
// An ELF file with symbols: its build id, its segments, and its functions by address.
//
// Addresses are those that the linker gave out, before the loader's bias.
// Thread-safety: an object belongs to one thread. Errors: none; a file that is no ELF file does not open, and
// whatever is damaged in one is as if it were not there.
#ifndef HEAPPROF_TOOLS_SYMBOLS_SYMBOL_FILE_H_
#define HEAPPROF_TOOLS_SYMBOLS_SYMBOL_FILE_H_

#include <elfutils/libdw.h>
#include <libelf.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heapprof::tools {

class SymbolFile {
 public:
  // nullptr when `path` cannot be read or is no ELF file.
  static std::unique_ptr<SymbolFile> Open(const std::string& path);
  ~SymbolFile();
  SymbolFile(const SymbolFile&) = delete;
  SymbolFile& operator=(const SymbolFile&) = delete;

  const std::string& path() const { return path_; }
  // Lower-case hex; "" where the file has none.
  const std::string& build_id() const { return build_id_; }
  bool has_dwarf() { return dwarf() != nullptr; }
  // Why not all of its debug information can be read, for people; "" if it can.
  std::string dwarf_obstacle();
  bool has_symbol_table() const { return HasSection(".symtab"); }
  // True for what `objcopy --only-keep-debug` leaves: the code is not there.
  bool is_debug_only() const { return !HasSection(".text"); }

  // The address as linked of the byte at `offset` of the file, by the loadable segments.
  std::optional<uint64_t> AddressOfOffset(uint64_t offset) const;
  // The address as linked where the first executable segment begins, rounded down to its page. For files that
  // hold debug information only, whose segments have lost their place in the file.
  std::optional<uint64_t> ExecutableStart() const;

  // What .gnu_debuglink says: a file name and the CRC of that file.
  struct DebugLink {
    std::string name;
    uint32_t crc = 0;
  };
  std::optional<DebugLink> debug_link() const;

  struct Function {
    std::string symbol;  // without a version: "write", not "write@@GLIBC_2.2.5"
    std::string file;    // without a folder; known for functions that are local to a file only
    uint64_t begin = 0;  // its address
  };
  // The function that holds `address`, out of .symtab, or .dynsym and MiniDebugInfo where that is missing; an
  // empty symbol where there is none. Of aliases the longest is taken, and the last of these.
  Function FunctionAt(uint64_t address);

  // Where the function begins that holds `address`, by the table that exceptions are found by. Parts that the
  // compiler split off count as functions. nullopt where there is no table, or none of it below the address.
  std::optional<uint64_t> FunctionStart(uint64_t address);

  // The file's DWARF; nullptr where it has none. Owned by this object.
  Dwarf* dwarf();
  // Gives back what that, and pages of the file that were read, take of memory; what dwarf() has returned is
  // no more.
  void ForgetDwarf();

 private:
  struct Symbol {
    uint64_t address, size;
    uint64_t reach;    // the size, or what is left of its section; 0: up to the next one
    const char* name;  // in the file's string table
    const char* file;  // likewise, or nullptr
  };
  SymbolFile(std::string path, int fd, Elf* elf);
  void ReadSymbols();
  void ReadTable(Elf* elf, uint32_t section_type);
  void ReadMiniDebugInfo();
  void ReadFunctionStarts();
  Elf_Scn* Section(std::string_view name) const;
  bool HasSection(std::string_view name) const;

  std::string path_, build_id_;
  int fd_;
  Elf* elf_;
  std::string mini_bytes_;   // of MiniDebugInfo
  Elf* mini_elf_ = nullptr;  // of these
  Dwarf* dwarf_ = nullptr;
  bool symbols_read_ = false, dwarf_tried_ = false, starts_read_ = false;
  std::vector<uint64_t> starts_;  // of functions, sorted
  std::vector<Symbol> symbols_;   // sorted by address, each address once
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_SYMBOL_FILE_H_
