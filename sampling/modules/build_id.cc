// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <errno.h>
#include <string.h>

#include <algorithm>

#include "base/system/raw_syscall.h"
#include "sampling/modules/modules.h"

namespace heapprof {
namespace {

constexpr size_t kPage = 4096;

// Copies memory that may be unmapped at any moment. Where a sandbox forbids the call that fails instead of
// faulting, each page is asked for before it is read, which leaves a moment's gap but no other way.
bool ReadMemory(uintptr_t from, void* to, size_t size) {
  if (from + size < from) return false;
  ssize_t done = RawReadOwnMemory(reinterpret_cast<const void*>(from), to, size);
  if (done >= 0) return static_cast<size_t>(done) == size;
  if (done != -EPERM && done != -ENOSYS && done != -EACCES) return false;
  for (uintptr_t page = from & ~(kPage - 1); page < from + size; page += kPage) {
    if (!RawReadable(reinterpret_cast<const void*>(page))) return false;
  }
  memcpy(to, reinterpret_cast<const void*>(from), size);
  return true;
}

// The first page of an image holds its header, its program headers and nearly always its notes too, so that
// one system call answers for most modules. What lies elsewhere is read on its own.
class ImageReader {
 public:
  bool Open(uintptr_t base) {
    base_ = base;
    return ReadMemory(base, page_, kPage);
  }
  bool Read(uintptr_t address, void* to, size_t size) const {
    if (address >= base_ && address - base_ <= kPage && size <= kPage - (address - base_)) {
      memcpy(to, page_ + (address - base_), size);
      return true;
    }
    return ReadMemory(address, to, size);
  }

 private:
  uintptr_t base_ = 0;
  unsigned char page_[kPage];
};

constexpr size_t kMaxHeaders = 64;  // program headers looked at
constexpr size_t kMaxNotes = 64;    // notes looked at in a segment
constexpr size_t kMaxBuildId = 64;  // bytes; SHA-1 has 20
constexpr char kGnu[4] = {'G', 'N', 'U', '\0'};

size_t WriteHex(const unsigned char* bytes, size_t size, char* out, size_t capacity) {
  if (capacity < 2 * size + 1) return 0;
  for (size_t i = 0; i < size; i++) {
    out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
    out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
  }
  out[2 * size] = '\0';
  return 2 * size;
}

// Looks through the notes in [at, at + size), whose parts are padded to `align`.
size_t FindInNotes(const ImageReader& image, uintptr_t at, uint64_t size, uint64_t align, char* out,
                   size_t capacity) {
  const uint64_t pad = align == 8 ? 7 : 3;
  uint64_t offset = 0;
  for (size_t i = 0; i < kMaxNotes && offset <= size && size - offset >= sizeof(Elf64_Nhdr); i++) {
    Elf64_Nhdr note;
    if (!image.Read(at + offset, &note, sizeof(note))) return 0;
    uint64_t name = offset + sizeof(note);
    uint64_t contents = (name + note.n_namesz + pad) & ~pad;
    char owner[sizeof(kGnu)];
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(kGnu) && note.n_descsz > 0 &&
        note.n_descsz <= kMaxBuildId && contents + note.n_descsz <= size) {
      unsigned char id[kMaxBuildId];
      if (!image.Read(at + name, owner, sizeof(owner)) || !image.Read(at + contents, id, note.n_descsz)) {
        return 0;
      }
      if (memcmp(owner, kGnu, sizeof(kGnu)) == 0) return WriteHex(id, note.n_descsz, out, capacity);
    }
    offset = (contents + note.n_descsz + pad) & ~pad;
  }
  return 0;
}

struct Segments {
  Elf64_Phdr headers[kMaxHeaders];
  size_t count;
  uintptr_t base;
  uint64_t linked_at;  // addresses in the file count from where its first byte was meant to be

  uintptr_t AddressOf(const Elf64_Phdr& segment) const { return base + (segment.p_vaddr - linked_at); }
};

bool ReadSegments(const ImageReader& image, uintptr_t base, Segments* segments) {
  Elf64_Ehdr header;
  if (!image.Read(base, &header, sizeof(header))) return false;
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_phentsize != sizeof(Elf64_Phdr)) {
    return false;
  }
  segments->count = std::min<size_t>(header.e_phnum, kMaxHeaders);
  segments->base = base;
  segments->linked_at = 0;
  if (!image.Read(base + header.e_phoff, segments->headers, segments->count * sizeof(Elf64_Phdr)))
    return false;
  for (size_t i = 0; i < segments->count; i++) {
    if (segments->headers[i].p_type != PT_LOAD) continue;
    segments->linked_at = segments->headers[i].p_vaddr - segments->headers[i].p_offset;
    break;
  }
  return true;
}

}  // namespace

size_t ReadBuildId(uintptr_t base, char* out, size_t capacity) {
  if (capacity > 0) out[0] = '\0';
  ImageReader image;
  Segments segments;
  if (!image.Open(base) || !ReadSegments(image, base, &segments)) return 0;
  for (size_t i = 0; i < segments.count; i++) {
    const Elf64_Phdr& segment = segments.headers[i];
    if (segment.p_type != PT_NOTE) continue;
    size_t length =
        FindInNotes(image, segments.AddressOf(segment), segment.p_filesz, segment.p_align, out, capacity);
    if (length != 0) return length;
  }
  return 0;
}

size_t ReadCodeSegments(uintptr_t base, CodeSegment* out, size_t capacity, uintptr_t* image_limit) {
  ImageReader image;
  Segments segments;
  if (!image.Open(base) || !ReadSegments(image, base, &segments)) return 0;
  size_t found = 0;
  for (size_t i = 0; i < segments.count && found < capacity; i++) {
    const Elf64_Phdr& segment = segments.headers[i];
    if (segment.p_type != PT_LOAD) continue;
    if (image_limit != nullptr) *image_limit = segments.AddressOf(segment) + segment.p_memsz;
    if ((segment.p_flags & PF_X) == 0 || segment.p_filesz == 0) continue;
    const uintptr_t start = segments.AddressOf(segment), first_page = start & ~(kPage - 1);
    const uintptr_t limit = (start + segment.p_filesz + kPage - 1) & ~(kPage - 1);
    if (limit <= first_page) continue;
    out[found++] = {first_page, limit, segment.p_offset - (start - first_page)};
  }
  return found;
}

}  // namespace heapprof
