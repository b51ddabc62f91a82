// SPDX-License-Identifier: Apache-2.0
// Fields behind the end of a profile, without reading what is in it: of a number the last one counts, and
// lists go on. A gzip'd profile gets a second member, which readers of gzip take as one stream.
//
// Thread-safety: functions without state. Errors: Failure from AppendComments: the bytes are no profile.
#ifndef HEAPPROF_TOOLS_SEND_APPEND_FIELDS_H_
#define HEAPPROF_TOOLS_SEND_APPEND_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heapprof::tools::send {

bool IsGzip(std::string_view bytes);
std::string Gzipped(std::string_view bytes);

// The profile's time.
void AppendTime(int64_t time_ns, std::string* bytes);
void AppendComments(const std::vector<std::string>& comments, std::string* bytes);

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_APPEND_FIELDS_H_
