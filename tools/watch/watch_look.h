// SPDX-License-Identifier: Apache-2.0
// What one look at a process tells: where its memory is, and what each function holds and has asked for.
//
// Thread-safety: values.
#ifndef HEAPPROF_TOOLS_WATCH_WATCH_LOOK_H_
#define HEAPPROF_TOOLS_WATCH_WATCH_LOOK_H_

#include <map>
#include <string>
#include <vector>

#include "tools/profile/load.h"

namespace heapprof::tools {

// All counts are sums of doubles, as 64-bit values of hostile files do not fit 64 bits.
struct FunctionCounts {
  double live = 0;       // bytes in use
  double allocated = 0;  // bytes since the start, freed or not
  // The variances of what was allocated and of what was freed since the start, which both only grow: what
  // they grow by between two looks is that of the difference between them.
  double allocated_variance = 0, freed_variance = 0;
};

struct CauseBytes {
  std::string name;  // "live blocks", "files"
  double bytes = 0;
};

struct WatchLook {
  double seconds = 0;  // of the clock that nobody sets
  double resident = 0, live = 0, allocated = 0;
  std::vector<CauseBytes> causes;  // the largest first
  // By the name that people read. Wrappers are folded by the list of names alone: what is folded by behaviour
  // may change from one look to the next.
  std::map<std::string, FunctionCounts> functions;
};

// `naming` puts names into the heap's profile. Errors: Failure.
WatchLook ReadLook(const std::string& memory_file, const std::string& heap_file, const LoadOptions& naming);

// The causes in the order of the bar, each with its letter; what is none of them is "other".
char LetterOfCause(const std::string& name);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_WATCH_WATCH_LOOK_H_
