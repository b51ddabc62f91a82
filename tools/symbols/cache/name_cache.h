// SPDX-License-Identifier: Apache-2.0
// The names that were found in a file, kept by its build id: looking them up again takes milliseconds, also
// where the file has a gigabyte of debug information, or is gone.
//
// What is kept must be final: found in whole debug information, not in a symbol table to which debug
// information may come later. A file of the cache holds a checksum; a damaged one is none.
// Thread-safety: an object belongs to one thread. Errors: none.
#ifndef HEAPPROF_TOOLS_SYMBOLS_CACHE_NAME_CACHE_H_
#define HEAPPROF_TOOLS_SYMBOLS_CACHE_NAME_CACHE_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "tools/symbols/cache/cache_folder.h"
#include "tools/symbols/dwarf_scopes.h"

namespace heapprof::tools {

// The frames at an offset of a file, the innermost first.
using NamesByOffset = std::unordered_map<uint64_t, std::vector<SourceFrame>>;

class NameCache {
 public:
  explicit NameCache(CacheFolder folder) : folder_(std::move(folder)) {}

  // What is known of the file with this build id, in lower-case hex.
  NamesByOffset Read(const std::string& build_id) const;
  // Keeps `names` beside what others have written in the meantime.
  void Add(const std::string& build_id, const NamesByOffset& names) const;

 private:
  CacheFolder folder_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_CACHE_NAME_CACHE_H_
