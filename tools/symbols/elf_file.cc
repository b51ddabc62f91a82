// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/elf_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "base/dump_record.h"
#include "tools/base/elf_notes.h"

namespace heapprof::tools {

std::optional<ElfFile> ElfFile::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return std::nullopt;
  struct stat status;
  void* data = MAP_FAILED;
  size_t size = 0;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
      status.st_size >= static_cast<off_t>(sizeof(Elf64_Ehdr))) {
    size = static_cast<size_t>(status.st_size);
    data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  }
  close(fd);
  if (data == MAP_FAILED) return std::nullopt;
  ElfFile file(static_cast<const char*>(data), size);
  const unsigned char* ident = file.header().e_ident;
  if (std::memcmp(ident, ELFMAG, SELFMAG) != 0 || ident[EI_CLASS] != ELFCLASS64 ||
      ident[EI_DATA] != ELFDATA2LSB) {
    return std::nullopt;
  }
  return file;
}

ElfFile::ElfFile(ElfFile&& other) noexcept : data_(other.data_), size_(other.size_) {
  other.data_ = nullptr;
  other.size_ = 0;
}

ElfFile::~ElfFile() {
  if (data_ != nullptr) munmap(const_cast<char*>(data_), size_);
}

template <typename T>
const T* ElfFile::Table(uint64_t offset, uint64_t count) const {
  if (offset % alignof(T) != 0 || offset > size_ || count > (size_ - offset) / sizeof(T)) return nullptr;
  return reinterpret_cast<const T*>(data_ + offset);
}

std::string_view ElfFile::interpreter() const {
  const auto* segments = Table<Elf64_Phdr>(header().e_phoff, header().e_phnum);
  for (int i = 0; segments != nullptr && i < header().e_phnum; ++i) {
    if (segments[i].p_type != PT_INTERP) continue;
    const auto* path = Table<char>(segments[i].p_offset, segments[i].p_filesz);
    const std::string_view text(path == nullptr ? "" : path, path == nullptr ? 0 : segments[i].p_filesz);
    return text.substr(0, text.find('\0'));
  }
  return {};
}

bool ElfFile::carries_library() const {
  const auto* segments = Table<Elf64_Phdr>(header().e_phoff, header().e_phnum);
  for (int i = 0; segments != nullptr && i < header().e_phnum; ++i) {
    if (segments[i].p_type != PT_NOTE) continue;
    const auto* bytes = Table<char>(segments[i].p_offset, segments[i].p_filesz);
    if (bytes == nullptr) continue;
    ElfNotes notes({bytes, segments[i].p_filesz}, segments[i].p_align == 8 ? 8 : 4);
    while (const auto note = notes.Next()) {
      static constexpr char kOwner[] = HEAPPROF_DUMP_RECORD_OWNER;
      if (note->type == kDumpRecordNote && note->owner == std::string_view(kOwner, sizeof kOwner))
        return true;
    }
  }
  return false;
}

std::optional<uint64_t> ElfFile::first_load_address() const {
  const auto* segments = Table<Elf64_Phdr>(header().e_phoff, header().e_phnum);
  for (int i = 0; segments != nullptr && i < header().e_phnum; ++i) {
    if (segments[i].p_type == PT_LOAD) return segments[i].p_vaddr & ~uint64_t{4095};
  }
  return std::nullopt;
}

namespace {

// The name must end in the table, where its NUL stands.
bool IsName(std::string_view rest, std::string_view name) {
  return rest.size() > name.size() && rest[name.size()] == '\0' && rest.substr(0, name.size()) == name;
}

}  // namespace

template <typename Visit>
void ElfFile::ForEachSymbol(const Visit& visit) const {
  const auto* sections = Table<Elf64_Shdr>(header().e_shoff, header().e_shnum);
  for (int i = 0; sections != nullptr && i < header().e_shnum; ++i) {
    const Elf64_Shdr& table = sections[i];
    if (table.sh_type != SHT_SYMTAB && table.sh_type != SHT_DYNSYM) continue;
    if (table.sh_link >= header().e_shnum) continue;
    const Elf64_Shdr& strings = sections[table.sh_link];
    const uint64_t count = table.sh_size / sizeof(Elf64_Sym);
    const auto* symbols = Table<Elf64_Sym>(table.sh_offset, count);
    const auto* text = Table<char>(strings.sh_offset, strings.sh_size);
    if (symbols == nullptr || text == nullptr) continue;
    for (uint64_t k = 0; k < count; ++k) {
      if (symbols[k].st_name >= strings.sh_size) continue;
      const std::string_view rest(text + symbols[k].st_name, strings.sh_size - symbols[k].st_name);
      if (visit(symbols[k], rest, table.sh_type)) return;
    }
  }
}

std::optional<ElfSymbol> ElfFile::FindSymbol(std::string_view name) const {
  std::optional<ElfSymbol> found;
  ForEachSymbol([&](const Elf64_Sym& symbol, std::string_view rest, uint32_t) {
    if (symbol.st_shndx == SHN_UNDEF || !IsName(rest, name)) return false;
    found = ElfSymbol{symbol.st_value, symbol.st_size};
    return true;
  });
  return found;
}

bool ElfFile::Exports(std::string_view name) const {
  bool found = false;
  ForEachSymbol([&](const Elf64_Sym& symbol, std::string_view rest, uint32_t table) {
    found = table == SHT_DYNSYM && symbol.st_shndx != SHN_UNDEF && IsName(rest, name);
    return found;
  });
  return found;
}

std::string_view ElfFile::FirstMentioned(const std::vector<std::string_view>& names) const {
  std::string_view found;
  ForEachSymbol([&](const Elf64_Sym&, std::string_view rest, uint32_t) {
    for (std::string_view name : names) {
      if (IsName(rest, name)) found = name;
    }
    return !found.empty();
  });
  return found;
}

int ElfClass(const std::string& path, uint16_t* machine) {
  unsigned char head[20] = {};
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ELFCLASSNONE;
  const ssize_t got = read(fd, head, sizeof head);
  close(fd);
  if (got != static_cast<ssize_t>(sizeof head) || std::memcmp(head, ELFMAG, SELFMAG) != 0)
    return ELFCLASSNONE;
  // e_machine stands at the same place in both classes.
  *machine = head[EI_DATA] == ELFDATA2MSB ? static_cast<uint16_t>(head[18] << 8 | head[19])
                                          : static_cast<uint16_t>(head[19] << 8 | head[18]);
  return head[EI_CLASS];
}

}  // namespace heapprof::tools
