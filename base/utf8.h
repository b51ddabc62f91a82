// SPDX-License-Identifier: Apache-2.0
// UTF-8, as strict readers of the format take it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
//
// Thread-safety, signal-safety: functions of their arguments. Allocates: never.
#ifndef HEAPPROF_BASE_UTF8_H_
#define HEAPPROF_BASE_UTF8_H_

#include <stddef.h>

namespace heapprof {

// U+FFFD, which stands for what is no UTF-8.
inline constexpr char kReplacement[] = "\xef\xbf\xbd";

// The bytes from the start of `text` that are well-formed; `size` if all are.
size_t Utf8Prefix(const char* text, size_t size);
bool IsUtf8(const char* text);

}  // namespace heapprof

#endif  // HEAPPROF_BASE_UTF8_H_
