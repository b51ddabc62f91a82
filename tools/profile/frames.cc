// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/frames.h"

#include <cstdio>
#include <filesystem>
#include <map>
#include <tuple>
#include <unordered_map>

#include "tools/names/display_name.h"

namespace heapprof::tools {

std::string_view BaseName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool IsOfGo(std::string_view source_file) {
  constexpr std::string_view kEnd = ".go";
  return source_file.size() > kEnd.size() && source_file.substr(source_file.size() - kEnd.size()) == kEnd;
}

std::string_view NameOfWhole(const Profile& profile, const ProfileFunction& function) {
  const std::string_view name = profile.text(function.name);
  return IsOfGo(profile.text(function.filename)) ? name : WithoutCloneSuffix(name);
}

std::string NameOfPlace(std::string_view module_path, uint64_t start) {
  char text[24];
  std::snprintf(text, sizeof text, "+%#llx", static_cast<unsigned long long>(start));
  return "[" + std::string(BaseName(module_path)) + text + "]";
}

namespace {

std::string NormalPath(std::string_view path) {
  return path.empty() ? "" : std::filesystem::path(path).lexically_normal().string();
}

// Numbers what must be equal for two functions to be one frame.
class FunctionFrames {
 public:
  explicit FunctionFrames(const Profile& profile)
      : profile_(profile),
        names_(profile.header.strings.size(), kNone),
        places_(names_),
        seen_(profile.functions.size()) {}

  // The frame of `function` in a module, of which a new one gets the number `next`.
  uint32_t FrameOf(uint32_t function, uint32_t mapping, uint32_t next) {
    // A function is nearly always of one module.
    Seen& seen = seen_[function];
    if (seen.frame != kNone && seen.mapping == mapping) return seen.frame;
    const ProfileFunction& f = profile_.functions[function];
    const uint32_t place = profile_.text(f.filename).empty() ? ModulePlace(mapping) : FilePlace(f.filename);
    const uint32_t name =
        IsOfGo(profile_.text(f.filename)) ? Number(std::string(profile_.text(f.name))) : NameNumber(f.name);
    const auto [found, is_new] = frames_.emplace(Key(name, place, f.start_line), next);
    if (is_new && f.start_line != 0 && f.system_name != 0) {
      const SymbolKey symbol(name, NameNumber(f.system_name), ModulePlace(mapping), f.start_line);
      found->second = symbols_.emplace(symbol, next).first->second;
    }
    seen = {mapping, found->second};
    return seen.frame;
  }

 private:
  struct Seen {
    uint32_t mapping = kNone, frame = kNone;
  };
  using Key = std::tuple<uint32_t, uint32_t, int64_t>;
  using SymbolKey = std::tuple<uint32_t, uint32_t, uint32_t, int64_t>;

  // Producers may store one text several times: texts count, not their places in the table.
  uint32_t Number(std::string text) {
    return numbers_.emplace(std::move(text), static_cast<uint32_t>(numbers_.size())).first->second;
  }
  uint32_t NameNumber(uint32_t string) {
    if (names_[string] == kNone) {
      names_[string] = Number(std::string(WithoutCloneSuffix(profile_.text(string))));
    }
    return names_[string];
  }
  uint32_t FilePlace(uint32_t string) {
    if (places_[string] == kNone) places_[string] = Number("file " + NormalPath(profile_.text(string)));
    return places_[string];
  }
  uint32_t ModulePlace(uint32_t mapping) {
    if (mapping == kNone) return Number("module ");
    return Number("module " + std::string(profile_.text(profile_.mappings[mapping].filename)));
  }

  const Profile& profile_;
  std::vector<uint32_t> names_, places_;  // numbers by string
  std::vector<Seen> seen_;                // by function
  std::unordered_map<std::string, uint32_t> numbers_;
  std::map<Key, uint32_t> frames_;
  std::map<SymbolKey, uint32_t> symbols_;
};

}  // namespace

std::string FrameTable::NameOf(const ProfileLocation& location, const ProfileLine& line) const {
  const auto module = [&]() -> std::string {
    const std::string_view path =
        location.mapping == kNone ? "" : profile_.text(profile_.mappings[location.mapping].filename);
    if (path.empty()) return "<unknown>";
    const bool by_start = granularity_ == Granularity::kFunction || granularity_ == Granularity::kLine;
    if (!by_start || location.function_start == 0) return "[" + std::string(BaseName(path)) + "]";
    return NameOfPlace(path, location.function_start);
  };
  if (granularity_ == Granularity::kModule || line.function == kNone) return module();
  const ProfileFunction& function = profile_.functions[line.function];
  if (granularity_ == Granularity::kFile) {
    const std::string file = NormalPath(profile_.text(function.filename));
    return file.empty() ? module() : file;
  }
  std::string name(profile_.text(function.name));
  if (granularity_ == Granularity::kFunction) name.resize(NameOfWhole(profile_, function).size());
  if (granularity_ == Granularity::kLine) {
    const std::string file = NormalPath(profile_.text(function.filename));
    if (line.line != 0) {
      name += (name.empty() ? "" : " ") + file + ":" + std::to_string(line.line);
    } else if (!file.empty()) {
      name += (name.empty() ? "" : " ") + file;
    }
  }
  return name.empty() ? module() : name;
}

FrameTable::FrameTable(const Profile& profile, Granularity granularity)
    : profile_(profile), granularity_(granularity) {
  std::unordered_map<std::string, uint32_t> known;  // by name
  FunctionFrames functions(profile);
  const auto add = [&](std::string name, const ProfileLocation& location, const ProfileLine& line) {
    frames_.push_back({std::move(name),
                       location.mapping == kNone ? 0 : profile.mappings[location.mapping].filename,
                       line.function, line.line});
  };
  first_.reserve(profile.locations.size() + 1);
  first_.push_back(0);
  for (const ProfileLocation& location : profile.locations) {
    const ProfileLine none;
    const Range<ProfileLine> lines =
        location.line_count == 0 ? Range<ProfileLine>(&none, 1) : profile.lines_of(location);
    for (const ProfileLine& line : lines) {
      const auto next = static_cast<uint32_t>(frames_.size());
      const bool by_function = granularity == Granularity::kFunction && line.function != kNone &&
                               !profile.text(profile.functions[line.function].name).empty();
      std::string name = by_function ? "" : NameOf(location, line);
      const uint32_t frame = by_function ? functions.FrameOf(line.function, location.mapping, next)
                                         : known.emplace(name, next).first->second;
      if (frame == next) add(by_function ? NameOf(location, line) : std::move(name), location, line);
      ids_.push_back(frame);
    }
    first_.push_back(static_cast<uint32_t>(ids_.size()));
  }
  if (granularity == Granularity::kFunction) MarkSharedNames();
}

void FrameTable::MarkSharedNames() {
  std::unordered_map<std::string_view, uint32_t> first;
  for (uint32_t frame = 0; frame < frames_.size(); ++frame) {
    const auto [found, is_new] = first.emplace(frames_[frame].name, frame);
    if (is_new) continue;
    frames_[frame].shares_name = true;
    frames_[found->second].shares_name = true;
  }
}

std::string_view FrameTable::source(uint32_t frame) const {
  const uint32_t function = frames_[frame].function;
  return function == kNone ? "" : profile_.text(profile_.functions[function].filename);
}

std::string_view FrameTable::function_name(uint32_t frame) const {
  const uint32_t function = frames_[frame].function;
  const bool shown = granularity_ != Granularity::kFile && granularity_ != Granularity::kModule;
  return function == kNone || !shown ? "" : profile_.text(profile_.functions[function].name);
}

std::string_view FrameTable::system_name(uint32_t frame) const {
  const uint32_t function = frames_[frame].function;
  return function_name(frame).empty() ? "" : profile_.text(profile_.functions[function].system_name);
}

int64_t FrameTable::start_line(uint32_t frame) const {
  const uint32_t function = frames_[frame].function;
  return function == kNone ? 0 : profile_.functions[function].start_line;
}

std::string FrameTable::PlaceOf(uint32_t frame) const {
  const std::string file = NormalPath(source(frame));
  if (!file.empty()) {
    return file + (start_line(frame) == 0 ? "" : ":" + std::to_string(start_line(frame)));
  }
  return module(frame).empty() ? "" : "[" + std::string(BaseName(module(frame))) + "]";
}

std::string FrameTable::Suffix(uint32_t frame) const {
  const std::string place = PlaceOf(frame);
  return place.empty() ? "" : place[0] == '[' ? " " + place : " (" + place + ")";
}

std::string FrameTable::UniqueName(uint32_t frame) const {
  return frames_[frame].name + (frames_[frame].shares_name ? Suffix(frame) : "");
}

}  // namespace heapprof::tools
