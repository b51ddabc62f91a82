// SPDX-License-Identifier: Apache-2.0
// Functions, inlined functions and lines by address, out of DWARF.
//
// The units are found by their ranges; one unit's functions are read when the first address in it is asked
// for, into a map from ranges to the innermost function, inlined or not, each of which knows what it is in.
// Thread-safety: an object belongs to one thread; the Dwarf must outlive it. Errors: none; where the debug
// information is missing or damaged there are no frames.
#ifndef HEAPPROF_TOOLS_SYMBOLS_DWARF_SCOPES_H_
#define HEAPPROF_TOOLS_SYMBOLS_DWARF_SCOPES_H_

#include <elfutils/libdw.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tools/symbols/scope_names.h"

namespace heapprof::tools {

// What changes in how these are made changes kFormat in cache/name_cache.cc, too.
struct SourceFrame {
  std::string symbol;  // the linkage name, or the plain one where there is no other
  // In the directory that the compiler ran in, unless it is absolute: relative only where a prefix map made
  // that directory so. "" if not known.
  std::string file;
  int64_t line = 0;
  int64_t start_line = 0;  // where the function is declared
  // The name with its scopes, where the symbol is not the whole of it (scope_names.h); else "".
  std::string name = {};
};

class DwarfScopes {
 public:
  explicit DwarfScopes(Dwarf* dwarf);
  ~DwarfScopes();

  // The frames at `address` (as linked), the innermost first; empty where nothing is known.
  std::vector<SourceFrame> FramesAt(uint64_t address);
  // The line at `address`; 0 if not known.
  int64_t LineAt(uint64_t address);
  // False once a part of the debug information was asked for that is in another file, which was not found.
  bool complete() const { return complete_; }
  // How much debug information has been read, about: the memory that this object and libdw hold grows with
  // it.
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  struct Unit;
  struct UnitRange {
    uint64_t begin, end;
    size_t unit;
  };
  Unit* FindUnit(uint64_t address);
  void AddScopes(Dwarf_Die* die, SourceFrame* frame);

  Dwarf* dwarf_;
  bool complete_ = true;
  uint64_t bytes_read_ = 0;
  std::vector<std::unique_ptr<Unit>> units_;
  std::vector<UnitRange> ranges_;  // sorted by begin
  ScopeNames names_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_DWARF_SCOPES_H_
