// SPDX-License-Identifier: Apache-2.0
// What of a template's arguments nobody writes, and the short names of what remains.
//
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_NAMES_DEFAULT_ARGUMENTS_H_
#define HEAPPROF_TOOLS_NAMES_DEFAULT_ARGUMENTS_H_

#include <string>
#include <string_view>
#include <vector>

namespace heapprof::tools {

// Takes the defaults off the end of the arguments of `name` ("std::map"). Only templates of libraries whose
// defaults are known lose any: allocators, traits, hashes, comparisons and deleters of the first argument.
void DropDefaultArguments(std::string_view name, std::vector<std::string>* arguments);

// "std::string" for std::basic_string with the one argument "char"; "" where there is no such name.
std::string AliasOf(std::string_view name, const std::vector<std::string>& arguments);

// True for a namespace that is invisible in source: `inside` is the component before it, "std::" say.
bool IsInlineNamespace(std::string_view inside, std::string_view name);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_NAMES_DEFAULT_ARGUMENTS_H_
