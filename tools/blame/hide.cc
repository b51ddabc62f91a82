// SPDX-License-Identifier: Apache-2.0
#include "tools/blame/hide.h"

#include <optional>

#include "tools/names/name_expression.h"

namespace heapprof::tools {
namespace {

// What an expression matches.
struct Matches {
  std::vector<bool> functions, mappings;

  Matches(const Profile& profile, const std::string& expression, const char* option) {
    const NameExpression wanted(expression, option);
    for (const ProfileFunction& function : profile.functions) {
      functions.push_back(wanted.FoundIn(profile.text(function.name)) ||
                          wanted.FoundInText(profile.text(function.filename)));
    }
    for (const ProfileMapping& mapping : profile.mappings) {
      mappings.push_back(wanted.FoundInText(profile.text(mapping.filename)));
    }
  }

  bool Module(const ProfileLocation& location) const {
    return location.mapping != kNone && mappings[location.mapping];
  }
  bool Line(const ProfileLocation& location, const ProfileLine& line) const {
    return Module(location) || (line.function != kNone && functions[line.function]);
  }
};

}  // namespace

std::vector<bool> MatchNames(const Profile& profile, const std::string& expression, const char* option) {
  const NameExpression wanted(expression, option);
  std::vector<bool> functions;
  for (const ProfileFunction& function : profile.functions) {
    functions.push_back(wanted.FoundIn(profile.text(function.name)));
  }
  return functions;
}

std::vector<bool> NamedFunctions(const Profile& profile, const std::string& expression, const char* option) {
  const NameExpression wanted(expression, option);
  std::vector<bool> functions;
  for (const ProfileFunction& function : profile.functions) {
    functions.push_back(wanted.Names(profile.text(function.name)));
  }
  return functions;
}

std::vector<bool> MatchLocations(const Profile& profile, const std::string& expression, const char* option) {
  const Matches matches(profile, expression, option);
  std::vector<bool> locations;
  for (const ProfileLocation& location : profile.locations) {
    bool match = matches.Module(location);
    for (const ProfileLine& line : profile.lines_of(location)) match = match || matches.Line(location, line);
    locations.push_back(match);
  }
  return locations;
}

void HideFrames(Profile* profile, const std::string& hide, const std::string& show) {
  std::optional<Matches> hidden, shown;
  if (!hide.empty()) hidden.emplace(*profile, hide, "--hide");
  if (!show.empty()) shown.emplace(*profile, show, "--show");
  std::vector<bool> gone(profile->locations.size());
  std::vector<ProfileLine> left;
  for (size_t i = 0; i < gone.size(); ++i) {
    ProfileLocation& location = profile->locations[i];
    if (location.line_count == 0) {
      gone[i] = (hidden && hidden->Module(location)) || (shown && !shown->Module(location));
      continue;
    }
    left.clear();
    for (const ProfileLine& line : profile->lines_of(location)) {
      const bool stays = !(hidden && hidden->Line(location, line)) && (!shown || shown->Line(location, line));
      if (stays) left.push_back(line);
    }
    gone[i] = left.empty();
    if (left.empty() || left.size() == location.line_count) continue;
    location.first_line = static_cast<uint32_t>(profile->lines.size());
    location.line_count = static_cast<uint32_t>(left.size());
    profile->lines.insert(profile->lines.end(), left.begin(), left.end());
  }
  for (ProfileSample& sample : profile->samples) {
    uint32_t* const frames = profile->frames.data() + sample.first_frame;
    uint32_t stay = 0;
    for (uint32_t i = 0; i < sample.frame_count; ++i) {
      if (!gone[frames[i]]) frames[stay++] = frames[i];
    }
    sample.frame_count = stay;
  }
}

void PruneFrom(Profile* profile, const std::string& expression) {
  const std::vector<bool> functions = MatchNames(*profile, expression, "--prune-from");
  std::vector<bool> matches(profile->locations.size());
  for (size_t i = 0; i < matches.size(); ++i) {
    ProfileLocation& location = profile->locations[i];
    const Range<ProfileLine> lines = profile->lines_of(location);
    uint32_t inner = 0;
    while (inner < lines.size() && (lines[inner].function == kNone || !functions[lines[inner].function])) {
      ++inner;
    }
    if (inner == lines.size()) continue;
    matches[i] = true;
    location.first_line += inner;
    location.line_count -= inner;
  }
  for (ProfileSample& sample : profile->samples) {
    const Range<uint32_t> stack = profile->stack(sample);
    for (uint32_t i = 0; i < stack.size(); ++i) {
      if (!matches[stack[i]]) continue;
      sample.first_frame += i;
      sample.frame_count -= i;
      break;
    }
  }
}

}  // namespace heapprof::tools
