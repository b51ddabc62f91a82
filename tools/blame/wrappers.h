// SPDX-License-Identifier: Apache-2.0
// Wrappers of the allocator that no list knows, by what they do (fold.h has the rule).
//
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_BLAME_WRAPPERS_H_
#define HEAPPROF_TOOLS_BLAME_WRAPPERS_H_

#include <string_view>

#include "tools/blame/fold.h"

namespace heapprof::tools {

// Whether a function of this name, without parameters and template arguments, says that it allocates.
bool SaysThatItAllocates(std::string_view bare_name);

// Makes functions that behave as wrappers plumbing in `table`. `may_be[f]` says that the name of function f
// allows it.
void FindWrappers(const Profile& profile, size_t type, const std::vector<bool>& may_be, BlameTable* table);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BLAME_WRAPPERS_H_
