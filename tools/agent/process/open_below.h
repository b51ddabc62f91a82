// SPDX-License-Identifier: Apache-2.0
// Opens a path that somebody else has chosen, and does not leave the folder where it begins, whatever links
// and ".." there are. By openat2, and step by step where the kernel has none (before 5.6) or a sandbox
// refuses it.
//
// Thread-safety: yes.
#ifndef HEAPPROF_TOOLS_AGENT_PROCESS_OPEN_BELOW_H_
#define HEAPPROF_TOOLS_AGENT_PROCESS_OPEN_BELOW_H_

#include <string>

namespace heapprof::tools::agent {

// kWithin: `base` is the root of the path, of links, and of "..". kNone: a link is an error, and so is a way
// out of `base`.
enum class Links { kWithin, kNone };

// `flags` as open's, without those that make a file; nobody is waited for, and the descriptor is closed by
// exec. -1: errno says why not.
int OpenBelow(int base, const std::string& path, int flags, Links links);

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_PROCESS_OPEN_BELOW_H_
