// SPDX-License-Identifier: Apache-2.0
// profile.proto into a Profile.
//
// Thread-safety: a function without state. Errors: Failure, also when the Profile would take more than
// `max_bytes`: a small file can name many empty messages.
#ifndef HEAPPROF_TOOLS_PROFILE_PROTO_LOAD_H_
#define HEAPPROF_TOOLS_PROFILE_PROTO_LOAD_H_

#include "tools/profile/profile.h"
#include "tools/reader/inflate.h"

namespace heapprof::tools {

Profile LoadProto(ProfileSource* source, uint64_t max_bytes);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_PROTO_LOAD_H_
