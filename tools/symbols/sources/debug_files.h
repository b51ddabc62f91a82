// SPDX-License-Identifier: Apache-2.0
// Where the symbols of a mapped file are: in itself, or in a separate file with its debug information.
//
// Separate files are looked for by build id (DIR/.build-id/xx/yyyy.debug) and by the name and CRC of
// .gnu_debuglink, as gdb does: beside the file, in .debug/ there, and under each --debug-path and
// /usr/lib/debug. A --debug-path may also hold the files themselves, by their base name. Last, debuginfod's
// servers are asked.
// Thread-safety: an object belongs to one thread. Errors: none; what was refused is in the reasons.
#ifndef HEAPPROF_TOOLS_SYMBOLS_SOURCES_DEBUG_FILES_H_
#define HEAPPROF_TOOLS_SYMBOLS_SOURCES_DEBUG_FILES_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/symbols/dwarf_scopes.h"
#include "tools/symbols/sources/debuginfod.h"
#include "tools/symbols/symbol_file.h"

namespace heapprof::tools {

// The first digits of one, for messages.
std::string ShortBuildId(const std::string& build_id);

// A mapped file, opened.
class ModuleSymbols {
 public:
  // Of the debug information, `max_bytes` of .debug_info are held at a time, and one unit more.
  ModuleSymbols(std::unique_ptr<SymbolFile> file, std::unique_ptr<SymbolFile> debug, uint64_t max_bytes);

  // The address as linked of the byte at `offset` of the file. `from_code` is how far behind the begin of the
  // code it was mapped: what debug files tell it by, whose segments have lost their place in the file.
  std::optional<uint64_t> Unbias(uint64_t offset, uint64_t from_code) const;

  // The frames at an address as linked, the innermost first, by DWARF, or one by the symbol table. Addresses
  // in ascending order take the least time and memory: of much debug information a part is held at a time.
  std::vector<SourceFrame> FramesAt(uint64_t address);

  // True as long as all frames came of debug information that lacks nothing: no other file tells more.
  bool complete() const { return scopes_ != nullptr && warning_.empty(); }
  // What of the debug information is missing or cannot be read, for people; "" if that is not known yet, or
  // nothing.
  const std::string& warning() const { return warning_; }
  // Whether the mapped file itself is there, and not only what tells of it.
  bool has_file() const { return file_ != nullptr; }
  // The file that the names are of.
  const SymbolFile& file() const { return file_ != nullptr ? *file_ : *debug_; }

 private:
  SymbolFile::Function FunctionAt(uint64_t address);
  void StartDwarf();

  std::unique_ptr<SymbolFile> file_, debug_;  // one of them may be missing
  std::unique_ptr<DwarfScopes> scopes_;
  SymbolFile* dwarf_source_ = nullptr;
  std::string warning_;
  uint64_t max_bytes_;
};

class DebugFiles {
 public:
  // What is read of .debug_info takes about three times as much memory, with the line tables.
  static constexpr uint64_t kMaxBytesHeld = 96 << 20;

  // `debuginfod`: whether servers may be asked. `max_bytes` is for each module.
  DebugFiles(std::vector<std::string> debug_paths, bool debuginfod, uint64_t max_bytes = kMaxBytesHeld);

  // nullptr when nothing fits. `build_id` is the profile's, "" if it has none; no file with another one is
  // taken. `places` are paths where the file may be, too: without a build id they come first. `reason` says
  // why there are no names, if there are none: one line without the file's name.
  std::unique_ptr<ModuleSymbols> Open(const std::string& path, const std::string& build_id,
                                      const std::vector<std::string>& places, std::string* reason);

 private:
  std::unique_ptr<SymbolFile> FindItself(const std::string& path, const std::string& build_id,
                                         const std::vector<std::string>& places, std::string* reason) const;
  std::unique_ptr<SymbolFile> FindByBuildId(const std::string& build_id) const;
  std::unique_ptr<SymbolFile> FindByLink(const SymbolFile& file) const;
  std::unique_ptr<SymbolFile> AskServers(const std::string& build_id, bool executable_too);
  std::unique_ptr<SymbolFile> FindByName(const std::string& path, const std::string& build_id) const;

  Debuginfod debuginfod_;
  uint64_t max_bytes_;
  std::vector<std::string> debug_paths_;  // the user's, then the system's
  size_t own_paths_;                      // how many are the user's
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_SOURCES_DEBUG_FILES_H_
