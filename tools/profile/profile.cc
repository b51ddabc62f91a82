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

double NamedShare(const Profile& profile) {
  size_t named = 0, all = 0;
  for (const ProfileLocation& location : profile.locations) {
    if (location.mapping == kNone) continue;
    ++all;
    named += location.line_count != 0 ? 1 : 0;
  }
  return all == 0 ? 1 : static_cast<double>(named) / static_cast<double>(all);
}

void TellIfWithoutNames(const std::string& file, const Profile& profile) {
  if (profile.looked_up || NamedShare(profile) >= kFewNames) return;
  Tell(Printable(file) + " has addresses and no names");
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
