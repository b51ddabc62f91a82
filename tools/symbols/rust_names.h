// SPDX-License-Identifier: Apache-2.0
// The names of Rust functions, in the two schemes that the compiler has had.
//
// Legacy is the shape of a C++ name whose last part is a hash:
// _ZN4core3fmt5Write9write_fmt17h0123456789abcdefE. The present one ("v0") begins with _R and has a grammar
// of its own: https://doc.rust-lang.org/rustc/symbol-mangling/v0.html. Hashes and disambiguators of crates
// are left out, as people do when they write such a name.
//
// Thread-safety: functions without state. Errors: "" for what is no name of the scheme, or one that is nested
// deeper or would come out longer than any compiler makes it.
#ifndef HEAPPROF_TOOLS_SYMBOLS_RUST_NAMES_H_
#define HEAPPROF_TOOLS_SYMBOLS_RUST_NAMES_H_

#include <string>
#include <string_view>

namespace heapprof::tools {

std::string DemangleLegacyRust(std::string_view symbol);
std::string DemangleRust(std::string_view symbol);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_RUST_NAMES_H_
