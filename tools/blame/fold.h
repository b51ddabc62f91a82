// SPDX-License-Identifier: Apache-2.0
// Folding: plumbing goes out of the stacks, so that its bytes stand at the function that called it.
//
// Rows change, sums never: every sample keeps its values, and a stack of plumbing alone keeps the outermost
// frame of it. What is plumbing:
// (1) by name and module, as the list says (tools/blame/plumbing.txt);
// (2) by behaviour: a function that at least three functions call, and that asks itself for at least 95 % of
//     the bytes under it, if its own name says that it allocates ("alloc", or "strdup" and the like at its
//     end), or if nothing names it but its callers have names: a row "[libfoo.so+0x920]" helps nobody.
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_BLAME_FOLD_H_
#define HEAPPROF_TOOLS_BLAME_FOLD_H_

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tools/blame/plumbing.h"
#include "tools/profile/profile.h"

namespace heapprof::tools {

struct FoldOptions {
  bool by_behaviour = true;
  // By function: what stays, whatever it is. Empty: nothing.
  std::vector<bool> kept;
};

// What was folded, for the reader of a report.
struct Folded {
  // Names without template arguments, those with the most bytes first: "xmalloc", "std::vector".
  std::vector<std::string> names;
  bool any() const { return !names.empty(); }
};

// By function of `profile`, and by mapping for frames without names.
struct BlameTable {
  std::vector<Blame> functions, mappings;
  std::vector<bool> kept;  // as in the options
  // Wrappers that nothing names, by mapping and ProfileLocation::function_start.
  std::set<std::pair<uint32_t, uint64_t>> places;
  // Of a line of a location, or of a location without lines (`line` is nullptr).
  Blame Of(const ProfileLocation& location, const ProfileLine* line) const;
};

// `type` is the sample type whose bytes tell wrappers by their behaviour.
BlameTable FindPlumbing(const Profile& profile, size_t type, const FoldOptions& options);

Folded Fold(Profile* profile, size_t type, const FoldOptions& options);

// Text for a head line, of at most `columns`: "3 wrappers folded: xmalloc, ...; --unfold shows them"; "" if
// nothing was.
std::string FoldedText(const Folded& folded, size_t columns);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BLAME_FOLD_H_
