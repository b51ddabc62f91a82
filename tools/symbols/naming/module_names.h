// SPDX-License-Identifier: Apache-2.0
// The names of one mapped file, from where they are known: what was looked up before in this process, the
// cache, the file and its debug files, which are opened when an address is asked for that is in neither.
//
// Thread-safety: an object belongs to one thread. Errors: none.
#ifndef HEAPPROF_TOOLS_SYMBOLS_NAMING_MODULE_NAMES_H_
#define HEAPPROF_TOOLS_SYMBOLS_NAMING_MODULE_NAMES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/symbols/cache/name_cache.h"
#include "tools/symbols/sources/debug_files.h"

namespace heapprof::tools {

class ModuleNames {
 public:
  // `files` and `cache` must outlive the object. `build_id` is in lower-case hex, "" if not known.
  // `places`: where the file may be, too.
  ModuleNames(std::string path, std::string build_id, std::vector<std::string> places, DebugFiles* files,
              const NameCache* cache)
      : path_(std::move(path)),
        build_id_(std::move(build_id)),
        places_(std::move(places)),
        files_(files),
        cache_(cache) {}
  ~ModuleNames() { Keep(); }
  ModuleNames(const ModuleNames&) = delete;
  ModuleNames& operator=(const ModuleNames&) = delete;

  // The frames at `offset` of the file, the innermost first; empty where nothing is known. `from_code` as for
  // ModuleSymbols::Unbias.
  const std::vector<SourceFrame>& FramesAt(uint64_t offset, uint64_t from_code);
  // Puts what is new into the cache.
  void Keep();

  const std::string& path() const { return path_; }
  const std::string& build_id() const { return build_id_; }
  // Why it has no names, if it has none: a line without the file's name. "" before the file was looked for.
  const std::string& reason() const { return reason_; }
  // What of its names is missing; "" if nothing is known to be.
  std::string warning() const { return symbols_ == nullptr ? "" : symbols_->warning(); }
  // The file that was opened; nullptr if none was.
  const SymbolFile* opened() const { return symbols_ == nullptr ? nullptr : &symbols_->file(); }

 private:
  const std::string path_, build_id_;
  const std::vector<std::string> places_;
  DebugFiles* files_;
  const NameCache* cache_;
  bool cache_read_ = false, tried_ = false;
  std::unique_ptr<ModuleSymbols> symbols_;
  std::string reason_;
  NamesByOffset known_, fresh_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_NAMING_MODULE_NAMES_H_
