// SPDX-License-Identifier: Apache-2.0
// The names of C++ and Rust functions as their programmers wrote them.
//
// Thread-safety: functions without state. Errors: none; the demangler bounds its own depth.
#ifndef HEAPPROF_TOOLS_SYMBOLS_DEMANGLE_H_
#define HEAPPROF_TOOLS_SYMBOLS_DEMANGLE_H_

#include <string>

namespace heapprof::tools {

// "foo(int)" for "_Z3fooi"; what the compiler appended for a part of a function stays: "foo(int) (.cold)". A
// name of no known scheme is returned as it is.
std::string Demangle(const std::string& symbol);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_DEMANGLE_H_
