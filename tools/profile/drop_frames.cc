// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/drop_frames.h"

#include <optional>

#include "tools/base/expression.h"
#include "tools/names/display_name.h"

namespace heapprof::tools {
namespace {

// The name without its parameters; parentheses of the two names that have their own do not count.
std::string_view WithoutParameters(std::string_view name) {
  constexpr std::string_view kAnonymous = "(anonymous namespace)", kCall = "operator()";
  if (!name.empty() && name[0] == '.') name.remove_prefix(1);
  for (size_t i = 0; i < name.size();) {
    if (name.substr(i, kAnonymous.size()) == kAnonymous) {
      i += kAnonymous.size();
    } else if (name.substr(i, kCall.size()) == kCall) {
      i += kCall.size();
    } else if (name[i] == '(') {
      return name.substr(0, i);
    } else {
      ++i;
    }
  }
  return name;
}

// An expression that names "std::vector::reserve" means every instance of it.
bool IsNamed(const Expression& expression, std::string_view full) {
  if (expression.IsWhole(WithoutParameters(full))) return true;
  return full.find('<') != std::string_view::npos && expression.IsWhole(BareName(full));
}

enum class Fate : uint8_t { kKeep, kKeepThisOnly, kDrop };

}  // namespace

void DropFrames(Profile* profile) {
  const std::string_view drop_text = profile->text(profile->header.drop_frames);
  if (drop_text.empty()) return;
  const std::string_view keep_text = profile->text(profile->header.keep_frames);
  const Expression drop(drop_text, "drop_frames of the profile");
  std::optional<Expression> keep;
  if (!keep_text.empty()) keep.emplace(keep_text, "keep_frames of the profile");

  std::vector<bool> dropped(profile->functions.size());
  for (size_t i = 0; i < dropped.size(); ++i) {
    const std::string_view full = profile->text(profile->functions[i].name);
    dropped[i] = !full.empty() && IsNamed(drop, full) && !(keep && IsNamed(*keep, full));
  }
  std::vector<Fate> fates(profile->locations.size(), Fate::kKeep);
  for (size_t i = 0; i < fates.size(); ++i) {
    ProfileLocation& location = profile->locations[i];
    const Range<ProfileLine> lines = profile->lines_of(location);
    size_t inner = lines.size();  // of which the outermost that is dropped is the last
    while (inner > 0 && (lines[inner - 1].function == kNone || !dropped[lines[inner - 1].function])) --inner;
    if (inner == 0) continue;
    fates[i] = inner == lines.size() ? Fate::kDrop : Fate::kKeepThisOnly;
    if (fates[i] == Fate::kDrop) continue;
    location.first_line += static_cast<uint32_t>(inner);
    location.line_count -= static_cast<uint32_t>(inner);
  }
  for (ProfileSample& sample : profile->samples) {
    bool found_user = false;
    const Range<uint32_t> stack = profile->stack(sample);
    for (size_t i = stack.size(); i-- > 0;) {
      const Fate fate = fates[stack[i]];
      if (fate == Fate::kKeep) {
        found_user = true;
      } else if (found_user) {
        const auto cut = static_cast<uint32_t>(fate == Fate::kDrop ? i + 1 : i);
        sample.first_frame += cut;
        sample.frame_count -= cut;
        break;
      }
    }
  }
}

}  // namespace heapprof::tools
