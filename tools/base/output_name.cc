// SPDX-License-Identifier: Apache-2.0
#include "tools/base/output_name.h"

namespace heapprof::tools {

std::string OutputName(const std::string& profile, const std::string& ending) {
  const size_t scheme = profile.find("://");
  if (scheme != std::string::npos) return profile.substr(0, profile.find_first_of("+:")) + ending;
  std::string name = profile;
  if (name[0] == '@') name.erase(0, 1);
  while (!name.empty() && name.back() == '/') name.pop_back();
  const size_t slash = name.rfind('/');
  if (slash != std::string::npos) name.erase(0, slash + 1);
  if (name.empty() || name == "-") return "profile" + ending;
  for (const std::string cut : {".gz", ".pb"}) {
    if (name.size() > cut.size() && name.compare(name.size() - cut.size(), cut.size(), cut) == 0) {
      name.resize(name.size() - cut.size());
    }
  }
  return name + ending;
}

}  // namespace heapprof::tools
