// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/profile.h"

#include <string>

#include "tools/base/failure.h"

namespace heapprof::tools {

std::string_view CommentValue(const Profile& profile, std::string_view key) {
  for (const int64_t comment : profile.header.comments) {
    const std::string_view line = profile.text(comment);
    if (line.size() > key.size() + 1 && line.substr(0, key.size()) == key && line[key.size()] == ':') {
      const size_t begin = line.find_first_not_of(' ', key.size() + 1);
      return begin == std::string_view::npos ? "" : line.substr(begin);
    }
  }
  return "";
}

bool AreOfOneProcess(const Profile& a, const Profile& b) {
  const auto same = [&](const char* key) {
    const std::string_view value = CommentValue(a, key);
    return !value.empty() && value == CommentValue(b, key);
  };
  return same("pid") && same("start-time");
}

size_t FindSampleType(const Profile& profile, std::string_view name) {
  const bool named = !name.empty();
  if (!named) name = profile.text(profile.header.default_sample_type);
  std::string known;
  for (size_t i = 0; i < profile.type_count(); ++i) {
    if (profile.type_name(i) == name) return i;
    known += (i == 0 ? "" : ", ") + Printable(profile.type_name(i));
  }
  if (!named) return profile.type_count() - 1;
  throw Failure("has no sample type " + Printable(name) + "; it has " + known);
}

}  // namespace heapprof::tools
