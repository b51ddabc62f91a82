// SPDX-License-Identifier: Apache-2.0
// The string table of a profile.
//
// Thread-safety: reading, yes. Errors: Failure when it grows over its bound.
#ifndef HEAPPROF_TOOLS_READER_PROFILE_STRINGS_H_
#define HEAPPROF_TOOLS_READER_PROFILE_STRINGS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heapprof::tools {

// Strings end to end in one piece: hostile files hold millions of empty ones.
class ProfileStrings {
 public:
  void Add(std::string_view text);
  size_t size() const { return ends_.size(); }
  // `index` must be valid, which ReadProfile checks.
  std::string_view at(int64_t index) const;

 private:
  std::string text_;
  std::vector<uint32_t> ends_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_READER_PROFILE_STRINGS_H_
