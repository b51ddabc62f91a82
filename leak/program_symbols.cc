// SPDX-License-Identifier: Apache-2.0
#include "leak/program_symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/system/raw_syscall.h"

namespace heapprof::leak {
namespace {

// A file as it lies on the disk. It may be of any content.
class MappedFile {
 public:
  explicit MappedFile(const char* path) {
    int fd = RawOpen(path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return;
    long size = RawSyscall(SYS_lseek, fd, 0, SEEK_END);
    long address = size <= 0 ? -1 : RawSyscall(SYS_mmap, 0, size, PROT_READ, MAP_PRIVATE, fd, 0);
    RawClose(fd);
    constexpr long kLowestError = -4095;
    if (address < 0 && address >= kLowestError) return;
    data_ = reinterpret_cast<const char*>(address);
    size_ = static_cast<size_t>(size);
  }
  ~MappedFile() {
    if (data_ != nullptr) {
      RawSyscall(SYS_munmap, reinterpret_cast<long>(data_), static_cast<long>(size_));
    }
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // `count` entries at `offset`; nullptr if they do not lie in the file.
  template <typename T>
  const T* Table(uint64_t offset, uint64_t count) const {
    if (offset > size_ || count > (size_ - offset) / sizeof(T) || offset % alignof(T) != 0) return nullptr;
    return reinterpret_cast<const T*>(data_ + offset);
  }

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
};

// How much further up the program lies than it was linked for.
uintptr_t LoadBias(const Elf64_Phdr* headers, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (headers[i].p_type == PT_PHDR) return getauxval(AT_PHDR) - headers[i].p_vaddr;
  }
  return 0;  // linked for one address
}

void FindIn(const MappedFile& file, const Elf64_Shdr& table, const Elf64_Shdr& strings, uintptr_t bias,
            const char* const* names, void** addresses, size_t count) {
  const uint64_t symbol_count = table.sh_size / sizeof(Elf64_Sym);
  const auto* symbols = file.Table<Elf64_Sym>(table.sh_offset, symbol_count);
  const auto* text = file.Table<char>(strings.sh_offset, strings.sh_size);
  if (symbols == nullptr || text == nullptr) return;
  for (uint64_t i = 0; i < symbol_count; ++i) {
    const Elf64_Sym& symbol = symbols[i];
    if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol.st_info) != STT_FUNC) continue;
    if (symbol.st_name >= strings.sh_size) continue;
    for (size_t k = 0; k < count; ++k) {
      size_t size = strlen(names[k]) + 1;
      if (size <= strings.sh_size - symbol.st_name && memcmp(text + symbol.st_name, names[k], size) == 0) {
        addresses[k] = reinterpret_cast<void*>(symbol.st_value + bias);
      }
    }
  }
}

}  // namespace

void FindProgramFunctions(const char* const* names, void** addresses, size_t count) {
  MappedFile file("/proc/thread-self/../../exe");
  const auto* header = file.Table<Elf64_Ehdr>(0, 1);
  if (header == nullptr || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return;
  const auto* segments = file.Table<Elf64_Phdr>(header->e_phoff, header->e_phnum);
  const auto* sections = file.Table<Elf64_Shdr>(header->e_shoff, header->e_shnum);
  if (segments == nullptr || sections == nullptr) return;
  uintptr_t bias = LoadBias(segments, header->e_phnum);
  // Or else it is the loader's file, which was told to run the program.
  if (header->e_entry + bias != getauxval(AT_ENTRY)) return;
  for (size_t i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type == SHT_SYMTAB && sections[i].sh_link < header->e_shnum) {
      FindIn(file, sections[i], sections[sections[i].sh_link], bias, names, addresses, count);
    }
  }
}

}  // namespace heapprof::leak
