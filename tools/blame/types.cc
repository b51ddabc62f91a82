// SPDX-License-Identifier: Apache-2.0
#include "tools/blame/types.h"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "tools/blame/fold.h"
#include "tools/names/display_name.h"
#include "tools/profile/interner.h"

namespace heapprof::tools {
namespace {

constexpr std::string_view kNotKnown = "[not known]";

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// Where the list of template arguments ends that begins at `open`.
size_t EndOfArguments(std::string_view text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '<' || text[i] == '(') ++depth;
    if ((text[i] == '>' || text[i] == ')') && --depth == 0) return i + 1;
  }
  return text.size();
}

// The first argument of the list at `open`.
std::string_view FirstArgument(std::string_view text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '<' || text[i] == '(') ++depth;
    if ((text[i] == '>' || text[i] == ')') && --depth == 0) return text.substr(open + 1, i - open - 1);
    if (text[i] == ',' && depth == 1) return text.substr(open + 1, i - open - 1);
  }
  return "";
}

// "std::vector<int>" of "std::vector<int>::_M_realloc_insert<int>"; "" of what is no member.
std::string_view ClassOf(std::string_view name) {
  size_t last = std::string_view::npos;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<' || name[i] == '(') {
      i = EndOfArguments(name, i) - 1;
    } else if (name.substr(i, 2) == "::") {
      last = i++;
    } else if (name.substr(i, 8) == "operator") {
      break;
    }
  }
  return last == std::string_view::npos ? "" : name.substr(0, last);
}

bool IsInternal(std::string_view type) {
  return StartsWith(type, "std::_") || StartsWith(type, "std::__detail::") || StartsWith(type, "__gnu_cxx::");
}

}  // namespace

TypeOfName FindType(std::string_view whole) {
  const std::string name = DisplayName(whole);
  static constexpr std::array<std::string_view, 6> kMakers = {
      "std::make_unique<",  "std::make_shared<",   "std::allocate_shared<",
      "absl::make_unique<", "boost::make_shared<", "std::make_unique_for_overwrite<"};
  for (const std::string_view maker : kMakers) {
    if (StartsWith(name, maker)) return {std::string(FirstArgument(name, maker.size() - 1)), false};
  }
  static constexpr std::array<std::string_view, 4> kAllocators = {"std::__new_allocator<", "std::allocator<",
                                                                  "__gnu_cxx::new_allocator<",
                                                                  "std::allocator_traits<std::allocator<"};
  for (const std::string_view allocator : kAllocators) {
    if (!StartsWith(name, allocator)) continue;
    const std::string_view element = FirstArgument(name, allocator.size() - 1);
    return {IsInternal(element) ? "" : std::string(element), true};
  }
  static constexpr std::array<std::string_view, 5> kLibraries = {
      "std::", "absl::", "boost::container::", "folly::", "llvm::"};
  // A function object only calls what asks.
  constexpr std::string_view kCall = "::operator()";
  const bool calls =
      name.size() > kCall.size() && name.compare(name.size() - kCall.size(), kCall.size(), kCall) == 0;
  const std::string_view of = calls ? "" : ClassOf(name);
  for (const std::string_view library : kLibraries) {
    if (!StartsWith(of, library)) continue;
    const std::string_view rest = of.substr(library.size());
    static constexpr std::array<std::string_view, 8> kNoTypes = {
        "_", "allocator_traits", "unique_ptr", "shared_ptr", "char_traits", "pair", "tuple", "thread::"};
    const auto none = [&](std::string_view start) { return StartsWith(rest, start); };
    if (std::any_of(kNoTypes.begin(), kNoTypes.end(), none) || rest.find("::_") != std::string_view::npos)
      continue;
    // Namespaces of functions have no arguments and end in no class of a library.
    if (rest.find('<') == std::string_view::npos && library != "std::") continue;
    return {std::string(of), false};
  }
  return {};
}

void StacksToTypes(Profile* profile, size_t type) {
  const BlameTable table = FindPlumbing(*profile, type, {});
  Interner strings(&profile->header.strings);
  std::vector<TypeOfName> of_function(profile->functions.size());
  for (size_t f = 0; f < of_function.size(); ++f) {
    if (table.functions[f] == Blame::kFold)
      of_function[f] = FindType(profile->text(profile->functions[f].name));
  }
  std::map<std::string, uint32_t> known;  // locations by type
  const auto location_of = [&](const std::string& name) {
    const auto [found, is_new] = known.emplace(name, static_cast<uint32_t>(profile->locations.size()));
    if (!is_new) return found->second;
    ProfileFunction function;
    function.name = function.system_name = strings.Intern(name);
    ProfileLocation location;
    location.first_line = static_cast<uint32_t>(profile->lines.size());
    location.line_count = 1;
    profile->lines.push_back({static_cast<uint32_t>(profile->functions.size()), 0});
    profile->functions.push_back(function);
    profile->locations.push_back(location);
    return found->second;
  };
  for (ProfileSample& sample : profile->samples) {
    if (sample.frame_count == 0) continue;
    std::string container, element;
    bool is_plumbing = true;
    for (const uint32_t at : profile->stack(sample)) {
      const ProfileLocation& location = profile->locations[at];
      if (location.line_count == 0) is_plumbing = table.Of(location, nullptr) != Blame::kOwn;
      for (const ProfileLine& line : profile->lines_of(location)) {
        const Blame blame = table.Of(location, &line);
        is_plumbing = is_plumbing && (blame == Blame::kFold || blame == Blame::kLeaf);
        if (!is_plumbing || line.function == kNone) break;
        const TypeOfName& told = of_function[line.function];
        if (!told.type.empty()) (told.is_of_elements ? element : container) = told.type;
      }
      if (!is_plumbing) break;
    }
    const std::string& name = container.empty() ? element : container;
    profile->frames[sample.first_frame] = location_of(name.empty() ? std::string(kNotKnown) : name);
    sample.frame_count = 1;
  }
}

}  // namespace heapprof::tools
