// SPDX-License-Identifier: Apache-2.0
#include "tools/send/target.h"

#include "tools/base/failure.h"
#include "tools/send/dir_target.h"

namespace heapprof::tools::send {

std::unique_ptr<Target> MakeTarget(const std::string& url, const TargetOptions& /*options*/) {
  constexpr char kDir[] = "dir:";
  if (url.rfind(kDir, 0) == 0) return MakeDirTarget(url.substr(sizeof kDir - 1));
  throw Failure(Printable(url) + " is no address that profiles are sent to: dir:PATH");
}

}  // namespace heapprof::tools::send
