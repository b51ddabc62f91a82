// SPDX-License-Identifier: Apache-2.0
// Tags of an ABI in mangled names, which the demangler in the library does not know: `std::string Page(int)`
// is _Z4PageB5cxx11i, Page[abi:cxx11](int).
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_ABI_TAGS_H_
#define HEAPPROF_BASE_ABI_TAGS_H_

#include <stddef.h>

namespace heapprof {

// Copies `mangled`, a string, without the tags behind its identifiers. False if there are none, or there is
// no room. Only the grammar of the identifiers is looked at, so that the result, where it can be demangled,
// is the name without tags.
bool CopyWithoutAbiTags(const char* mangled, char* to, size_t capacity);

}  // namespace heapprof

#endif  // HEAPPROF_BASE_ABI_TAGS_H_
