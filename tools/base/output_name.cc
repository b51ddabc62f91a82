// SPDX-License-Identifier: Apache-2.0
#include "tools/base/output_name.h"

namespace heapprof::tools {

std::string OutputName(const std::string& profile, const std::string& ending) {
  if (profile == "-") return "profile" + ending;
  const size_t slash = profile.rfind('/');
  std::string name = slash == std::string::npos ? profile : profile.substr(slash + 1);
  for (const std::string cut : {".gz", ".pb"}) {
    if (name.size() > cut.size() && name.compare(name.size() - cut.size(), cut.size(), cut) == 0) {
      name.resize(name.size() - cut.size());
    }
  }
  return name + ending;
}

}  // namespace heapprof::tools
