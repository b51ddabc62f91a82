// SPDX-License-Identifier: Apache-2.0
// Names of functions as people write them: "std::vector<int>::push_back" for what a demangler makes of it.
//
// The names of a file stay whole everywhere but in text for a terminal. What the display form leaves out:
// return types, parameters, default template arguments ("std::vector<int>", "std::string"), inline namespaces
// (std::__cxx11, std::__1, absl::lts_20220623), ABI tags, and what compilers append to parts and copies of a
// function (".cold", ".part.0"). A lambda is "main::{lambda#2}", without its "operator()"; a coroutine's
// parts are "co (resume)" and "co (destroy)". A name that does not read as one of C++ stays as it is.
// Thread-safety: functions without state. Errors: none; time is linear in the name's length, depth is
// bounded.
#ifndef HEAPPROF_TOOLS_NAMES_DISPLAY_NAME_H_
#define HEAPPROF_TOOLS_NAMES_DISPLAY_NAME_H_

#include <string>
#include <string_view>

namespace heapprof::tools {

std::string DisplayName(std::string_view whole);

// The same with the parameters, in which default template arguments are left out, too.
std::string DisplaySignature(std::string_view whole);

// Without parameters and without any template arguments: "std::vector::push_back". What lists of names match.
std::string BareName(std::string_view whole);

// Without what says that this is a part or a copy of the function that the compiler made: " (.cold)",
// ".part.0". Parts of coroutines stay, as they are functions of their own.
std::string_view WithoutCloneSuffix(std::string_view whole);

// True where the display form is that of a lambda: it says little without file and line.
bool IsLambda(std::string_view display_name);

// At most `columns` characters: template arguments become "<..>", the longest first, then the middle goes.
// What is less than the least width stays as it is.
std::string ShortenName(std::string_view name, size_t columns);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_NAMES_DISPLAY_NAME_H_
