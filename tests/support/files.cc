// SPDX-License-Identifier: Apache-2.0
#include "tests/support/files.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace heapprof::test {

TempDir::TempDir() {
  const char* base = getenv("TMPDIR");
  std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/heapprof_test.XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr || chmod(pattern.c_str(), 0777) != 0) abort();
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;  // a folder that cannot be removed is no failure of what was tested
  std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> ListDir(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> FindProfiles(const std::string& folder) {
  static const std::string kSuffix = ".heap.pb.gz";
  std::vector<std::string> paths;
  for (const std::string& name : ListDir(folder)) {
    if (name.size() >= kSuffix.size() &&
        name.compare(name.size() - kSuffix.size(), kSuffix.size(), kSuffix) == 0) {
      paths.push_back(folder + "/" + name);
    }
  }
  return paths;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

}  // namespace heapprof::test
