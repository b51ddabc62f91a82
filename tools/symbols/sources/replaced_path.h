// SPDX-License-Identifier: Apache-2.0
// Paths in profiles, which have U+FFFD where the file's own name has bytes that are no UTF-8.
//
// Thread-safety: a function without state. Errors: what cannot be read has no such files.
#ifndef HEAPPROF_TOOLS_SYMBOLS_SOURCES_REPLACED_PATH_H_
#define HEAPPROF_TOOLS_SYMBOLS_SOURCES_REPLACED_PATH_H_

#include <string>
#include <vector>

namespace heapprof::tools {

// The files that a profile would name so, at most kMaxReplacedPaths of them: another file may fit as well, so
// that the caller looks which one it is. None if nothing of `path` was replaced.
constexpr size_t kMaxReplacedPaths = 16;
std::vector<std::string> FilesNamedSo(const std::string& path);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_SOURCES_REPLACED_PATH_H_
