// SPDX-License-Identifier: Apache-2.0
// Sizes on the command line: digits, and k, m or g.
//
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_BASE_SIZE_TEXT_H_
#define HEAPPROF_TOOLS_BASE_SIZE_TEXT_H_

#include <cstdint>
#include <string>

namespace heapprof::tools {

// "" if `text` is a size, else the reason why it is none, as CLI11 wants it.
std::string CheckSize(const std::string& text);
// `text` has passed CheckSize.
uint64_t ParseSize(const std::string& text);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_SIZE_TEXT_H_
