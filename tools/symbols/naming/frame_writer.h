// SPDX-License-Identifier: Apache-2.0
// Puts names that were found into a profile.
//
// Thread-safety: an object belongs to one thread; the profile must outlive it. Errors: none.
#ifndef HEAPPROF_TOOLS_SYMBOLS_NAMING_FRAME_WRITER_H_
#define HEAPPROF_TOOLS_SYMBOLS_NAMING_FRAME_WRITER_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "tools/profile/interner.h"
#include "tools/profile/profile.h"
#include "tools/symbols/dwarf_scopes.h"

namespace heapprof::tools {

class FrameWriter {
 public:
  explicit FrameWriter(Profile* profile);

  // False where there is no room, or nothing to be written.
  bool Write(const std::vector<SourceFrame>& frames, ProfileLocation* location);
  // Of mappings: what all their locations have. When all frames are written.
  void SetFlags();

 private:
  uint32_t FunctionOf(const SourceFrame& frame);

  Profile& profile_;
  Interner strings_;
  std::map<std::tuple<uint32_t, uint32_t, uint32_t, int64_t>, uint32_t> functions_;
  std::unordered_map<std::string, std::string> demangled_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_NAMING_FRAME_WRITER_H_
