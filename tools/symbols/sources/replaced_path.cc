// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/sources/replaced_path.h"

#include <algorithm>
#include <filesystem>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

namespace fs = std::filesystem;

constexpr char kReplacement[] = "\xef\xbf\xbd";
constexpr size_t kMaxEntries = 100'000;  // of a folder

// The names in `folder` that are written as `name`.
std::vector<std::string> NamesIn(const std::string& folder, const std::string& name) {
  std::vector<std::string> names;
  std::error_code error;
  size_t entries = 0;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (++entries > kMaxEntries) break;
    const std::string entry = it->path().filename().string();
    if (WellFormed(entry) == name) names.push_back(entry);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::vector<std::string> FilesNamedSo(const std::string& path) {
  if (path.empty() || path[0] != '/' || path.find(kReplacement) == std::string::npos) return {};
  std::vector<std::string> found = {""};
  for (size_t begin = 1; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    std::vector<std::string> longer;
    for (std::string& folder : found) {
      folder += '/';
      if (name.find(kReplacement) == std::string::npos) {
        longer.push_back(folder.append(name));
        continue;
      }
      for (const std::string& each : NamesIn(folder, name))
        longer.push_back(std::string(folder).append(each));
    }
    if (longer.size() > kMaxReplacedPaths) longer.resize(kMaxReplacedPaths);
    found = std::move(longer);
    begin = end + 1;
  }
  return found;
}

}  // namespace heapprof::tools
