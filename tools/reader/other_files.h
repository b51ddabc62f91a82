// SPDX-License-Identifier: Apache-2.0
// What a file is that is no profile, in words that say what to do.
//
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_READER_OTHER_FILES_H_
#define HEAPPROF_TOOLS_READER_OTHER_FILES_H_

#include <string>
#include <string_view>

namespace heapprof::tools {

// Of a file that begins like `head` and could not be read as a profile because of `fault`, what goes on
// behind "not a profile: ".
std::string KindOfUnreadFile(std::string_view head, std::string_view fault);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_READER_OTHER_FILES_H_
