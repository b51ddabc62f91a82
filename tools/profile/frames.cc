// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/frames.h"

#include <filesystem>
#include <unordered_map>

namespace heapprof::tools {

std::string_view BaseName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string FrameTable::NameOf(const ProfileLocation& location, const ProfileLine& line,
                               Granularity granularity) const {
  const auto module = [&]() -> std::string {
    const std::string_view path =
        location.mapping == kNone ? "" : profile_.text(profile_.mappings[location.mapping].filename);
    return path.empty() ? "<unknown>" : "[" + std::string(BaseName(path)) + "]";
  };
  if (granularity == Granularity::kModule || line.function == kNone) return module();
  const ProfileFunction& function = profile_.functions[line.function];
  std::string file(profile_.text(function.filename));
  if (!file.empty() && granularity != Granularity::kFunction) {
    file = std::filesystem::path(file).lexically_normal().string();
  }
  if (granularity == Granularity::kFile) return file.empty() ? module() : file;
  std::string name(profile_.text(function.name));
  if (granularity == Granularity::kLine) {
    if (line.line != 0) {
      name += (name.empty() ? "" : " ") + file + ":" + std::to_string(line.line);
    } else if (!file.empty()) {
      name += (name.empty() ? "" : " ") + file;
    }
  }
  return name.empty() ? module() : name;
}

FrameTable::FrameTable(const Profile& profile, Granularity granularity) : profile_(profile) {
  std::unordered_map<std::string, uint32_t> known;
  first_.reserve(profile.locations.size() + 1);
  first_.push_back(0);
  for (const ProfileLocation& location : profile.locations) {
    const ProfileLine none;
    const Range<ProfileLine> lines =
        location.line_count == 0 ? Range<ProfileLine>(&none, 1) : profile.lines_of(location);
    for (const ProfileLine& line : lines) {
      std::string name = NameOf(location, line, granularity);
      const auto [found, is_new] = known.emplace(std::move(name), static_cast<uint32_t>(frames_.size()));
      if (is_new) {
        frames_.push_back({found->first,
                           location.mapping == kNone ? 0 : profile.mappings[location.mapping].filename,
                           line.function == kNone ? 0 : profile.functions[line.function].filename});
      }
      ids_.push_back(found->second);
    }
    first_.push_back(static_cast<uint32_t>(ids_.size()));
  }
}

}  // namespace heapprof::tools
