// SPDX-License-Identifier: Apache-2.0
// Names that are not all ASCII, as Rust's symbols have them: RFC 3492, with "_" for the last "-".
//
// Thread-safety: a function without state.
#ifndef HEAPPROF_TOOLS_SYMBOLS_PUNYCODE_H_
#define HEAPPROF_TOOLS_SYMBOLS_PUNYCODE_H_

#include <string>
#include <string_view>

namespace heapprof::tools {

// In UTF-8; "" if `text` is no such name.
std::string DecodePunycode(std::string_view text);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_PUNYCODE_H_
