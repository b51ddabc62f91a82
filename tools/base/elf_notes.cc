// SPDX-License-Identifier: Apache-2.0
#include "tools/base/elf_notes.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace heapprof::tools {

std::optional<ElfNote> ElfNotes::Next() {
  Elf64_Nhdr header;  // which is the same in files of 32 bits
  if (bytes_.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes_.data(), sizeof header);
  const size_t contents = Padded(sizeof header + header.n_namesz);
  if (contents > bytes_.size() || bytes_.size() - contents < header.n_descsz) {
    bytes_ = {};
    return std::nullopt;
  }
  const ElfNote note = {header.n_type, bytes_.substr(sizeof header, header.n_namesz),
                        bytes_.substr(contents, header.n_descsz)};
  bytes_.remove_prefix(std::min(bytes_.size(), contents + Padded(header.n_descsz)));
  return note;
}

}  // namespace heapprof::tools
