// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/symbol_file.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "tools/base/elf_notes.h"
#include "tools/base/failure.h"
#include "tools/symbols/mini_debug.h"

namespace heapprof::tools {
namespace {

constexpr uint64_t kPage = 4096;

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes) {
    out += kDigits[static_cast<unsigned char>(byte) >> 4];
    out += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return out;
}

// The build id among the notes of `data`, "" if it has none. elfutils' own walk refuses a last note whose
// padding is left out.
std::string BuildIdIn(const Elf_Data* data) {
  if (data == nullptr || data->d_buf == nullptr) return "";
  ElfNotes notes({static_cast<const char*>(data->d_buf), data->d_size}, data->d_type == ELF_T_NHDR8 ? 8 : 4);
  while (const auto note = notes.Next()) {
    static constexpr char kOwner[] = "GNU";
    if (note->type == NT_GNU_BUILD_ID && !note->contents.empty() &&
        note->owner == std::string_view(kOwner, sizeof(kOwner))) {
      return Hex(note->contents);
    }
  }
  return "";
}

// Of any length, as linkers take one (--build-id=0xabcd): elfutils' own function passes over those of less
// than three bytes. Segments are for files without a table of sections.
std::string ReadBuildId(Elf* elf) {
  std::string id;
  for (Elf_Scn* section = nullptr; id.empty() && (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_NOTE) continue;
    id = BuildIdIn(elf_getdata(section, nullptr));
  }
  size_t segments = 0;
  if (elf_getphdrnum(elf, &segments) != 0) return id;
  for (size_t i = 0; id.empty() && i < segments; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(elf, static_cast<int>(i), &header) == nullptr || header.p_type != PT_NOTE) continue;
    id = BuildIdIn(elf_getdata_rawchunk(elf, static_cast<int64_t>(header.p_offset), header.p_filesz,
                                        header.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR));
  }
  return id;
}

// How far a symbol without a size reaches at most: `_init` is no function of what follows its section. 0: not
// known.
uint64_t RestOfSection(Elf* elf, const GElf_Sym& symbol) {
  GElf_Shdr header;
  Elf_Scn* section = symbol.st_shndx < SHN_LORESERVE ? elf_getscn(elf, symbol.st_shndx) : nullptr;
  if (section == nullptr || gelf_getshdr(section, &header) == nullptr) return 0;
  const uint64_t begin = symbol.st_value - header.sh_addr;
  return begin < header.sh_size ? header.sh_size - begin : 0;
}

}  // namespace

std::unique_ptr<SymbolFile> SymbolFile::Open(const std::string& path) {
  elf_version(EV_CURRENT);
  // A path out of a profile may name a FIFO or a device.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return nullptr;
  struct stat status;
  Elf* elf =
      fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? elf_begin(fd, ELF_C_READ_MMAP, nullptr) : nullptr;
  if (elf == nullptr || elf_kind(elf) != ELF_K_ELF) {
    elf_end(elf);
    close(fd);
    return nullptr;
  }
  return std::unique_ptr<SymbolFile>(new SymbolFile(path, fd, elf));
}

SymbolFile::SymbolFile(std::string path, int fd, Elf* elf) : path_(std::move(path)), fd_(fd), elf_(elf) {
  build_id_ = ReadBuildId(elf_);
}

SymbolFile::~SymbolFile() {
  if (dwarf_ != nullptr) dwarf_end(dwarf_);
  elf_end(mini_elf_);
  elf_end(elf_);
  close(fd_);
}

Elf_Scn* SymbolFile::Section(std::string_view name) const {
  size_t strings;
  if (elf_getshdrstrndx(elf_, &strings) != 0) return nullptr;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type == SHT_NOBITS) continue;
    const char* found = elf_strptr(elf_, strings, header.sh_name);
    if (found != nullptr && name == found) return section;
  }
  return nullptr;
}

bool SymbolFile::HasSection(std::string_view name) const { return Section(name) != nullptr; }

std::optional<uint64_t> SymbolFile::AddressOfOffset(uint64_t offset) const {
  size_t count = 0;
  if (elf_getphdrnum(elf_, &count) != 0) return std::nullopt;
  std::optional<uint64_t> near;
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf_, static_cast<int>(i), &segment) == nullptr || segment.p_type != PT_LOAD ||
        (segment.p_flags & PF_X) == 0) {
      continue;
    }
    const uint64_t address = offset - segment.p_offset + segment.p_vaddr;
    if (offset >= segment.p_offset && offset - segment.p_offset < segment.p_filesz) return address;
    // The loader maps whole pages, which may be of two segments.
    const uint64_t begin = segment.p_offset & ~(kPage - 1);
    if (!near && offset >= begin && offset - segment.p_offset + kPage < segment.p_filesz + 2 * kPage) {
      near = address;
    }
  }
  return near;
}

std::optional<uint64_t> SymbolFile::ExecutableStart() const {
  size_t count = 0;
  if (elf_getphdrnum(elf_, &count) != 0) return std::nullopt;
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf_, static_cast<int>(i), &segment) != nullptr && segment.p_type == PT_LOAD &&
        (segment.p_flags & PF_X) != 0) {
      return segment.p_vaddr & ~(kPage - 1);
    }
  }
  return std::nullopt;
}

std::optional<SymbolFile::DebugLink> SymbolFile::debug_link() const {
  GElf_Word crc = 0;
  const char* name = dwelf_elf_gnu_debuglink(elf_, &crc);
  // A name with a folder would lead out of the folders that are searched.
  if (name == nullptr || *name == '\0' || std::string_view(name).find('/') != std::string_view::npos) {
    return std::nullopt;
  }
  return DebugLink{name, crc};
}

void SymbolFile::ReadTable(Elf* elf, uint32_t section_type) {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != section_type) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr || header.sh_entsize == 0) continue;
    const size_t count = data->d_size / header.sh_entsize;
    const char* file = nullptr;  // whose local symbols follow
    for (size_t i = 0; i < count; ++i) {
      GElf_Sym symbol;
      if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr || symbol.st_shndx == SHN_UNDEF)
        continue;
      const int type = GELF_ST_TYPE(symbol.st_info);
      if (type == STT_FILE) file = elf_strptr(elf, header.sh_link, symbol.st_name);
      if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_OBJECT) continue;
      if (symbol.st_shndx == SHN_ABS) continue;  // the name of a version, at 0
      const char* name = elf_strptr(elf, header.sh_link, symbol.st_name);
      if (name == nullptr || *name == '\0') continue;
      const bool local = GELF_ST_BIND(symbol.st_info) == STB_LOCAL;
      const uint64_t reach = symbol.st_size != 0 ? symbol.st_size : RestOfSection(elf, symbol);
      symbols_.push_back({symbol.st_value, symbol.st_size, reach, name, local ? file : nullptr});
    }
  }
}

void SymbolFile::ReadMiniDebugInfo() {
  Elf_Scn* section = Section(".gnu_debugdata");
  const Elf_Data* data = section == nullptr ? nullptr : elf_rawdata(section, nullptr);
  if (data == nullptr || data->d_buf == nullptr) return;
  mini_bytes_ = InflateXz({static_cast<const char*>(data->d_buf), data->d_size});
  mini_elf_ = elf_memory(mini_bytes_.data(), mini_bytes_.size());
  if (mini_elf_ != nullptr && elf_kind(mini_elf_) == ELF_K_ELF) ReadTable(mini_elf_, SHT_SYMTAB);
}

void SymbolFile::ReadSymbols() {
  symbols_read_ = true;
  ReadTable(elf_, SHT_SYMTAB);
  if (symbols_.empty()) {
    ReadTable(elf_, SHT_DYNSYM);
    ReadMiniDebugInfo();
  }
  std::stable_sort(symbols_.begin(), symbols_.end(), [](const Symbol& a, const Symbol& b) {
    return a.address != b.address ? a.address < b.address : a.size < b.size;
  });
  size_t kept = 0;
  for (size_t i = 0; i < symbols_.size(); ++i) {
    if (i + 1 < symbols_.size() && symbols_[i + 1].address == symbols_[i].address) continue;
    symbols_[kept++] = symbols_[i];
  }
  symbols_.resize(kept);
}

SymbolFile::Function SymbolFile::FunctionAt(uint64_t address) {
  if (!symbols_read_) ReadSymbols();
  const auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address,
                                      [](uint64_t a, const Symbol& symbol) { return a < symbol.address; });
  if (after == symbols_.begin()) return {};
  const Symbol& symbol = *(after - 1);
  if (symbol.reach != 0 && address - symbol.address >= symbol.reach) return {};
  const std::string_view name = symbol.name;
  return {std::string(name.substr(0, name.find('@'))), symbol.file == nullptr ? "" : symbol.file,
          symbol.address};
}

std::string SymbolFile::dwarf_obstacle() {
  Elf_Scn* info = Section(".debug_info");
  if (info != nullptr && dwarf() == nullptr) {
    constexpr unsigned kZstd = 2;  // ELFCOMPRESS_ZSTD, which elfutils read from 0.189 on
    GElf_Chdr header;
    const bool zstd = gelf_getchdr(info, &header) != nullptr && header.ch_type == kZstd;
    return zstd ? "its debug information is compressed by zstd, which this elfutils cannot read"
                : "its debug information cannot be read";
  }
  const char* name = nullptr;
  const void* id = nullptr;
  if (dwarf() != nullptr && dwarf_getalt(dwarf_) == nullptr &&
      dwelf_dwarf_gnu_debugaltlink(dwarf_, &name, &id) > 0) {
    return "its debug information refers to " + Printable(name) + " (dwz), which is not here";
  }
  return "";
}

void SymbolFile::ForgetDwarf() {
  if (dwarf_ != nullptr) dwarf_end(dwarf_);
  dwarf_ = nullptr;
  dwarf_tried_ = false;
  size_t size = 0;
  char* bytes = elf_rawfile(elf_, &size);
  if (bytes != nullptr && reinterpret_cast<uintptr_t>(bytes) % kPage == 0)
    madvise(bytes, size, MADV_DONTNEED);
}

// .eh_frame_hdr: the table of its usual form, which all linkers write.
void SymbolFile::ReadFunctionStarts() {
  constexpr unsigned char kVersion = 1, kCountOf4 = 0x03, kTableOf4 = 0x3b;  // DW_EH_PE_datarel | sdata4
  constexpr size_t kHeader = 12, kEntry = 8;
  starts_read_ = true;
  Elf_Scn* section = Section(".eh_frame_hdr");
  GElf_Shdr header;
  const Elf_Data* data = section == nullptr ? nullptr : elf_getdata(section, nullptr);
  if (data == nullptr || data->d_buf == nullptr || data->d_size < kHeader ||
      gelf_getshdr(section, &header) == nullptr) {
    return;
  }
  const auto* bytes = static_cast<const unsigned char*>(data->d_buf);
  // The pointer to .eh_frame takes four bytes, too.
  if (bytes[0] != kVersion || (bytes[1] & 7) != kCountOf4 || bytes[2] != kCountOf4 || bytes[3] != kTableOf4) {
    return;
  }
  uint32_t count;
  memcpy(&count, bytes + kHeader - sizeof count, sizeof count);
  for (size_t i = 0; i < count && kHeader + (i + 1) * kEntry <= data->d_size; ++i) {
    int32_t place;
    memcpy(&place, bytes + kHeader + i * kEntry, sizeof place);
    starts_.push_back(header.sh_addr + static_cast<uint64_t>(static_cast<int64_t>(place)));
  }
  std::sort(starts_.begin(), starts_.end());
}

std::optional<uint64_t> SymbolFile::FunctionStart(uint64_t address) {
  if (!starts_read_) ReadFunctionStarts();
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), address);
  if (after == starts_.begin()) return std::nullopt;
  return *(after - 1);
}

Dwarf* SymbolFile::dwarf() {
  if (!dwarf_tried_) {
    dwarf_tried_ = true;
    if (HasSection(".debug_info") || HasSection(".zdebug_info")) {
      dwarf_ = dwarf_begin_elf(elf_, DWARF_C_READ, nullptr);
      // Sections that cannot be read are passed over; without units the rest is of no use.
      Dwarf_CU* unit = nullptr;
      if (dwarf_ != nullptr &&
          dwarf_get_units(dwarf_, nullptr, &unit, nullptr, nullptr, nullptr, nullptr) != 0) {
        dwarf_end(dwarf_);
        dwarf_ = nullptr;
      }
    }
  }
  return dwarf_;
}

}  // namespace heapprof::tools
