// SPDX-License-Identifier: Apache-2.0
// A folder of files that can be made again: of bounded size, shared by processes, gone at any moment.
//
// A file is written under a temporary name and renamed, so that a reader sees a whole one or none; of two
// writers the later wins. Reading sets a file's time, and what was not read for longest goes first when there
// is no room. Folders and files of another user are not read. Thread-safety: an object belongs to one thread.
// Errors: none; what does not work is as if nothing were kept.
#ifndef HEAPPROF_TOOLS_SYMBOLS_CACHE_CACHE_FOLDER_H_
#define HEAPPROF_TOOLS_SYMBOLS_CACHE_CACHE_FOLDER_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace heapprof::tools {

class CacheFolder {
 public:
  static constexpr uint64_t kMaxBytes = 256 << 20;

  // $XDG_CACHE_HOME/heapprof, else $HOME/.cache/heapprof, as the XDG Base Directory Specification has it. It
  // is made when something is written. "" where neither names a folder of this user, such as under sudo.
  static std::string OfUser();

  // "" keeps nothing.
  explicit CacheFolder(std::string path, uint64_t max_bytes = kMaxBytes);

  // The file's content, "" if there is none. `name` has no '/'.
  std::string Read(const std::string& name) const;
  void Write(const std::string& name, std::string_view bytes) const;

 private:
  bool Make() const;
  void Trim() const;

  std::string path_;
  uint64_t max_bytes_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_CACHE_CACHE_FOLDER_H_
