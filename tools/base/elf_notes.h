// SPDX-License-Identifier: Apache-2.0
// The notes of an ELF file's note section or segment, one after another.
//
// Thread-safety: an object belongs to one thread. Allocates: no.
#ifndef HEAPPROF_TOOLS_BASE_ELF_NOTES_H_
#define HEAPPROF_TOOLS_BASE_ELF_NOTES_H_

#include <stddef.h>
#include <stdint.h>

#include <optional>
#include <string_view>

namespace heapprof::tools {

struct ElfNote {
  uint32_t type;
  std::string_view owner;     // with its zero byte
  std::string_view contents;  // points into the bytes that were given
};

// `bytes` outlives the object. `align` is 4, or 8 where the file says so. Linkers leave the padding of the
// last note out, and so it may be missing; a note that is cut off ends the notes.
class ElfNotes {
 public:
  explicit ElfNotes(std::string_view bytes, size_t align = 4) : bytes_(bytes), align_(align) {}
  std::optional<ElfNote> Next();

 private:
  size_t Padded(size_t size) const { return (size + align_ - 1) & ~(align_ - 1); }

  std::string_view bytes_;  // those that were not read yet
  size_t align_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_ELF_NOTES_H_
