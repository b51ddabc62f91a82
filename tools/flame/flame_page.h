// SPDX-License-Identifier: Apache-2.0
// The page of `heapprof flame`, made of the sources in tools/flame/ at build time.
#ifndef HEAPPROF_TOOLS_FLAME_FLAME_PAGE_H_
#define HEAPPROF_TOOLS_FLAME_FLAME_PAGE_H_

#include <string_view>

namespace heapprof::tools {

// What stands before and behind the base64 text of the data.
extern const std::string_view kPageHead;
extern const std::string_view kPageTail;

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_FLAME_FLAME_PAGE_H_
