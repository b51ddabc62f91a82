// SPDX-License-Identifier: Apache-2.0
// A Profile into a file: gzip'd profile.proto.
//
// The file is written under a temporary name beside its own and renamed when it is whole; "-" and devices are
// written to as they are. Ids are indices plus one.
// Thread-safety: functions without state. Errors: Failure, which names the file; no half of it is left.
#ifndef HEAPPROF_TOOLS_PROFILE_PROFILE_WRITER_H_
#define HEAPPROF_TOOLS_PROFILE_PROFILE_WRITER_H_

#include <string>

#include "tools/profile/profile.h"

namespace heapprof::tools {

// The bytes of profile.proto, not deflated.
std::string SerializeProfile(const Profile& profile);

// `mode` is that of a new file, cut by the umask.
void WriteProfile(const Profile& profile, const std::string& path, unsigned mode = 0666);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_PROFILE_WRITER_H_
