// SPDX-License-Identifier: Apache-2.0
// dir:PATH: profiles as files, SERVICE.TIME.ID.KIND.pb.gz, which `heapprof merge` and pprof read.
//
// Labels become comments of the profile ("label.NAME: VALUE"). Thread-safety: an object belongs to one
// thread.
#ifndef HEAPPROF_TOOLS_SEND_DIR_TARGET_H_
#define HEAPPROF_TOOLS_SEND_DIR_TARGET_H_

#include <memory>
#include <string>

#include "tools/send/target.h"

namespace heapprof::tools::send {

std::unique_ptr<Target> MakeDirTarget(const std::string& folder);

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_DIR_TARGET_H_
