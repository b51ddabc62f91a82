// SPDX-License-Identifier: Apache-2.0
#include "base/system/vdso.h"

#include <elf.h>
#include <string.h>

namespace heapprof {
namespace {

// The tables of an image that is mapped whole, as a file is laid out.
struct Image {
  uintptr_t bias = 0;  // what is added to its addresses
  const Elf64_Sym* symbols = nullptr;
  const char* strings = nullptr;
  const uint32_t* hash = nullptr;
  const uint32_t* gnu_hash = nullptr;

  template <typename Table>
  const Table* At(uint64_t address) const {
    return reinterpret_cast<const Table*>(bias + address);
  }
};

Image ReadImage(uintptr_t start) {
  Image image;
  auto* header = reinterpret_cast<const Elf64_Ehdr*>(start);
  auto* segments = reinterpret_cast<const Elf64_Phdr*>(start + header->e_phoff);
  uint64_t dynamic = 0;
  bool loaded = false;
  for (int i = 0; i < header->e_phnum; ++i) {
    if (segments[i].p_type == PT_LOAD && !loaded) {
      image.bias = start + segments[i].p_offset - segments[i].p_vaddr;
      loaded = true;
    }
    if (segments[i].p_type == PT_DYNAMIC) dynamic = segments[i].p_vaddr;
  }
  if (!loaded || dynamic == 0) return image;
  for (auto* entry = image.At<Elf64_Dyn>(dynamic); entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag == DT_SYMTAB) image.symbols = image.At<Elf64_Sym>(entry->d_un.d_ptr);
    if (entry->d_tag == DT_STRTAB) image.strings = image.At<char>(entry->d_un.d_ptr);
    if (entry->d_tag == DT_HASH) image.hash = image.At<uint32_t>(entry->d_un.d_ptr);
    if (entry->d_tag == DT_GNU_HASH) image.gnu_hash = image.At<uint32_t>(entry->d_un.d_ptr);
  }
  return image;
}

// Both tables of names are there for a search; here they tell how many symbols there are.
uint32_t CountSymbols(const Image& image) {
  if (image.hash != nullptr) return image.hash[1];
  if (image.gnu_hash == nullptr) return 0;
  uint32_t bucket_count = image.gnu_hash[0], first = image.gnu_hash[1], filter_words = image.gnu_hash[2];
  const uint32_t* buckets = image.gnu_hash + 4 + 2 * filter_words;
  uint32_t last = 0;
  for (uint32_t i = 0; i < bucket_count; ++i) {
    if (buckets[i] > last) last = buckets[i];
  }
  if (last < first) return first;
  // The last chain ends where the lowest bit of a hash is set.
  const uint32_t* hashes = buckets + bucket_count;
  while ((hashes[last - first] & 1) == 0) ++last;
  return last + 1;
}

}  // namespace

void* FindInVdso(uintptr_t start, const char* name) {
  if (start == 0) return nullptr;
  Image image = ReadImage(start);
  if (image.symbols == nullptr || image.strings == nullptr) return nullptr;
  uint32_t count = CountSymbols(image);
  for (uint32_t i = 0; i < count; ++i) {
    const Elf64_Sym& symbol = image.symbols[i];
    if (symbol.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol.st_info) == STT_FUNC &&
        strcmp(image.strings + symbol.st_name, name) == 0) {
      return reinterpret_cast<void*>(image.bias + symbol.st_value);
    }
  }
  return nullptr;
}

}  // namespace heapprof
