// SPDX-License-Identifier: Apache-2.0
// drop_frames and keep_frames of a profile: the frames that a reader leaves out.
//
// Both are regular expressions (RE2's syntax) for whole function names, cut at their parameters; names
// without their template arguments may match, too. A frame that matches drop_frames and not keep_frames goes,
// with everything nearer the leaf; frames at the root that match stay until one is found that does not, so
// that no stack vanishes. Thread-safety: a function without state. Errors: Failure for an expression that RE2
// does not take.
#ifndef HEAPPROF_TOOLS_PROFILE_DROP_FRAMES_H_
#define HEAPPROF_TOOLS_PROFILE_DROP_FRAMES_H_

#include "tools/profile/profile.h"

namespace heapprof::tools {

void DropFrames(Profile* profile);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_DROP_FRAMES_H_
