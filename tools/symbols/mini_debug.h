// SPDX-License-Identifier: Apache-2.0
// MiniDebugInfo: the symbol table of a stripped file, as an ELF file of its own that the section
// .gnu_debugdata holds, compressed by xz. Fedora and its kin ship it in every binary.
//
// Thread-safety: functions without state. Errors: an empty string.
#ifndef HEAPPROF_TOOLS_SYMBOLS_MINI_DEBUG_H_
#define HEAPPROF_TOOLS_SYMBOLS_MINI_DEBUG_H_

#include <string>
#include <string_view>

namespace heapprof::tools {

// The content of `packed`; "" where it is damaged, or larger than any symbol table.
std::string InflateXz(std::string_view packed);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_MINI_DEBUG_H_
