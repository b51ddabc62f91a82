// SPDX-License-Identifier: Apache-2.0
#include "tools/reader/profile_strings.h"

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

constexpr size_t kMaxStringBytes = 128 << 20;
constexpr size_t kMaxStrings = 16 << 20;

}  // namespace

void ProfileStrings::Add(std::string_view text) {
  if (text.size() > kMaxStringBytes - text_.size() || ends_.size() == kMaxStrings) {
    throw Failure("the string table is larger than 128 MiB or 16777216 strings");
  }
  text_.append(text);
  ends_.push_back(static_cast<uint32_t>(text_.size()));
}

std::string_view ProfileStrings::at(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  const size_t begin = i == 0 ? 0 : ends_[i - 1];
  return std::string_view(text_).substr(begin, ends_[i] - begin);
}

}  // namespace heapprof::tools
