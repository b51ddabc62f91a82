// SPDX-License-Identifier: Apache-2.0
// What a word that nobody knows was meant to be.
//
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_BASE_SUGGESTION_H_
#define HEAPPROF_TOOLS_BASE_SUGGESTION_H_

#include <string>
#include <vector>

namespace heapprof::tools {

// The word of `known` that is written nearly like `word`: no more than a third of the letters are added, left
// out, changed, or change places with the next one. Or one that begins so. "" if there is none.
std::string Nearest(const std::string& word, const std::vector<std::string>& known);

// " (did you mean NEAREST?)", "" if there is none.
std::string DidYouMean(const std::string& word, const std::vector<std::string>& known);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_SUGGESTION_H_
