// SPDX-License-Identifier: Apache-2.0
// Frames that a user does not want to see: --hide, --show and --prune-from, as in pprof.
//
// An expression is looked for in a function's names (tools/names/name_expression.h), in its source file, and
// in the path of its module. Samples stay, those too of which no frame does: their stacks are empty then.
// Thread-safety: functions without state. Errors: Failure, which names the option.
#ifndef HEAPPROF_TOOLS_BLAME_HIDE_H_
#define HEAPPROF_TOOLS_BLAME_HIDE_H_

#include <string>
#include <vector>

#include "tools/profile/profile.h"

namespace heapprof::tools {

// True for each function whose name matches.
std::vector<bool> MatchNames(const Profile& profile, const std::string& expression, const char* option);
// True for each function that the expression names: not those in whose arguments only it is found.
std::vector<bool> NamedFunctions(const Profile& profile, const std::string& expression, const char* option);
// True for each location with a function, source file or module that matches.
std::vector<bool> MatchLocations(const Profile& profile, const std::string& expression, const char* option);

// Takes out the frames that match `hide`, and those that do not match `show`. "" is not set.
void HideFrames(Profile* profile, const std::string& hide, const std::string& show);

// Of each stack, takes out all that is nearer the leaf than the nearest function whose name, without
// parameters, matches.
void PruneFrom(Profile* profile, const std::string& expression);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BLAME_HIDE_H_
