// SPDX-License-Identifier: Apache-2.0
#include "tools/blame/fold.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "tools/blame/wrappers.h"
#include "tools/names/display_name.h"
#include "tools/profile/frames.h"

namespace heapprof::tools {
namespace {

bool IsPlumbing(Blame blame) { return blame == Blame::kFold || blame == Blame::kLeaf; }

// What wrappers are told by: bytes allocated do not depend on when the profile was taken.
size_t BytesType(const Profile& profile, size_t type) {
  for (size_t i = 0; i < profile.type_count(); ++i) {
    if (profile.type_name(i) == "alloc_space") return i;
  }
  return type;
}

// "std::vector" for a member of it; other functions go by their own name.
std::string ShortNameOf(std::string_view bare) {
  static constexpr std::array<std::string_view, 6> kLibraries = {
      "std::", "__gnu_cxx::", "absl::", "boost::", "folly::", "llvm::"};
  for (const std::string_view library : kLibraries) {
    if (bare.substr(0, library.size()) != library) continue;
    const size_t end = bare.find("::", library.size());
    const std::string_view name = bare.substr(0, end);
    // "std::_Rb_tree" and the like nobody has written.
    return name[library.size()] == '_' ? "" : std::string(name);
  }
  return std::string(bare);
}

class Folder {
 public:
  Folder(Profile* profile, size_t type, const FoldOptions& options)
      : profile_(*profile),
        type_(type),
        table_(FindPlumbing(*profile, type, options)),
        taken_(profile->functions.size() + profile->mappings.size()) {}

  Folded Run() {
    const size_t known = profile_.locations.size();
    blames_.reserve(known);
    kept_.assign(known, kNone);
    // The lines before any is taken out: what was folded is told by them.
    before_.reserve(known);
    for (size_t i = 0; i < known; ++i) {
      before_.push_back(profile_.locations[i]);
      blames_.push_back(CutLines(i));
    }
    for (size_t i = 0; i < profile_.samples.size(); ++i) FoldSample(i);
    return Names();
  }

 private:
  Blame CutLines(size_t index);
  void FoldSample(size_t index);
  void Take(uint32_t location, bool whole, double size);
  uint32_t Kept(uint32_t location);
  Folded Names() const;

  Profile& profile_;
  size_t type_;
  BlameTable table_;
  std::vector<Blame> blames_;  // by location: of what is left of it at its inner end
  std::vector<ProfileLocation> before_;
  std::vector<uint32_t> kept_;  // by location: the one that has the outermost line only
  std::vector<double> taken_;   // by function, then by mapping: bytes that went to callers
  std::map<std::pair<uint32_t, uint64_t>, double> taken_of_places_;
};

// Takes the plumbing out of a location that is not all plumbing.
Blame Folder::CutLines(size_t index) {
  const ProfileLocation location = profile_.locations[index];
  if (location.line_count == 0) return table_.Of(location, nullptr);
  const Range<ProfileLine> lines = profile_.lines_of(location);
  size_t own = lines.size(), plumbing = 0;
  Blame innermost = Blame::kLeaf;
  for (size_t i = 0; i < lines.size(); ++i) {
    const Blame blame = table_.Of(location, &lines[i]);
    if (!IsPlumbing(blame) && own == lines.size()) own = i, innermost = blame;
    if (blame == Blame::kFold || (blame == Blame::kLeaf && own == lines.size())) ++plumbing;
    if (blame == Blame::kFold && own == lines.size()) innermost = Blame::kFold;
  }
  if (own == lines.size() || plumbing == 0) return innermost;
  std::vector<ProfileLine> left;
  for (size_t i = own; i < lines.size(); ++i) {
    if (table_.Of(location, &lines[i]) != Blame::kFold) left.push_back(lines[i]);
  }
  profile_.locations[index].first_line = static_cast<uint32_t>(profile_.lines.size());
  profile_.locations[index].line_count = static_cast<uint32_t>(left.size());
  profile_.lines.insert(profile_.lines.end(), left.begin(), left.end());
  return innermost;
}

// Counts what went from the location's plumbing to callers; `whole`: all of it is plumbing.
void Folder::Take(uint32_t at, bool whole, double size) {
  const ProfileLocation& location = before_[at];
  if (location.line_count == 0 && whole && location.mapping != kNone) {
    const std::pair<uint32_t, uint64_t> place(location.mapping, location.function_start);
    if (table_.places.count(place) != 0) {
      taken_of_places_[place] += size;
    } else {
      taken_[profile_.functions.size() + location.mapping] += size;
    }
  }
  for (const ProfileLine& line : profile_.lines_of(location)) {
    if (!IsPlumbing(table_.Of(location, &line))) return;
    if (line.function != kNone) taken_[line.function] += size;
  }
}

uint32_t Folder::Kept(uint32_t at) {
  if (before_[at].line_count <= 1) return at;
  if (kept_[at] != kNone) return kept_[at];
  ProfileLocation location = before_[at];
  location.first_line += location.line_count - 1;
  location.line_count = 1;
  kept_[at] = static_cast<uint32_t>(profile_.locations.size());
  profile_.locations.push_back(location);
  return kept_[at];
}

void Folder::FoldSample(size_t index) {
  ProfileSample& sample = profile_.samples[index];
  uint32_t* const frames = profile_.frames.data() + sample.first_frame;
  const uint32_t count = sample.frame_count;
  const auto value = static_cast<double>(profile_.values_of(index)[type_]);
  const double size = value < 0 ? -value : value;
  uint32_t own = 0, last_fold = kNone;
  while (own < count && IsPlumbing(blames_[frames[own]])) {
    if (blames_[frames[own]] == Blame::kFold) last_fold = own;
    ++own;
  }
  uint32_t written = 0;
  const bool nobody = own == count || blames_[frames[own]] == Blame::kStart;
  if (own > 0 && nobody) {
    // Of libc alone the function that asked, of plumbing the outermost.
    const uint32_t kept = Kept(frames[last_fold == kNone ? 0 : last_fold]);
    frames[written++] = kept;
  } else if (size != 0) {
    for (uint32_t i = 0; i < own; ++i) Take(frames[i], true, size);
    if (own < count) Take(frames[own], false, size);
  }
  for (uint32_t i = own; i < count; ++i) {
    if (blames_[frames[i]] != Blame::kFold) frames[written++] = frames[i];
  }
  sample.frame_count = written;
}

Folded Folder::Names() const {
  std::unordered_map<std::string, double> bytes;
  const auto add = [&](const std::string& name, double size) {
    if (size > 0 && !name.empty()) bytes[name] += size;
  };
  for (size_t f = 0; f < profile_.functions.size(); ++f) {
    if (taken_[f] > 0) add(ShortNameOf(BareName(profile_.text(profile_.functions[f].name))), taken_[f]);
  }
  for (size_t m = 0; m < profile_.mappings.size(); ++m) {
    const std::string_view path = profile_.text(profile_.mappings[m].filename);
    add("[" + std::string(BaseName(path)) + "]", taken_[profile_.functions.size() + m]);
  }
  for (const auto& [place, size] : taken_of_places_) {
    add(NameOfPlace(profile_.text(profile_.mappings[place.first].filename), place.second), size);
  }
  Folded folded;
  for (const auto& [name, size] : bytes) folded.names.push_back(name);
  std::sort(folded.names.begin(), folded.names.end(), [&](const std::string& a, const std::string& b) {
    return bytes[a] != bytes[b] ? bytes[a] > bytes[b] : a < b;
  });
  return folded;
}

}  // namespace

Blame BlameTable::Of(const ProfileLocation& location, const ProfileLine* line) const {
  if (line != nullptr && line->function != kNone) {
    if (line->function < kept.size() && kept[line->function]) return Blame::kOwn;
    if (functions[line->function] != Blame::kOwn) return functions[line->function];
  }
  if (line == nullptr && !places.empty() && places.count({location.mapping, location.function_start}) != 0) {
    return Blame::kFold;
  }
  return location.mapping == kNone ? Blame::kOwn : mappings[location.mapping];
}

BlameTable FindPlumbing(const Profile& profile, size_t type, const FoldOptions& options) {
  const Plumbing& list = Plumbing::Default();
  BlameTable table;
  table.kept = options.kept;
  table.functions.resize(profile.functions.size(), Blame::kOwn);
  std::vector<bool> may_wrap(profile.functions.size());
  std::unordered_map<uint32_t, size_t> known;  // functions by the string of their name
  for (size_t f = 0; f < profile.functions.size(); ++f) {
    if (f < options.kept.size() && options.kept[f]) continue;
    const auto [found, is_new] = known.emplace(profile.functions[f].name, f);
    if (!is_new) {
      table.functions[f] = table.functions[found->second];
      may_wrap[f] = may_wrap[found->second];
      continue;
    }
    const std::string bare = BareName(profile.text(profile.functions[f].name));
    table.functions[f] = list.OfName(bare);
    may_wrap[f] = table.functions[f] == Blame::kOwn && SaysThatItAllocates(bare);
  }
  for (const ProfileMapping& mapping : profile.mappings) {
    table.mappings.push_back(list.OfModule(profile.text(mapping.filename)));
  }
  if (options.by_behaviour) FindWrappers(profile, BytesType(profile, type), may_wrap, &table);
  return table;
}

Folded Fold(Profile* profile, size_t type, const FoldOptions& options) {
  return Folder(profile, type, options).Run();
}

std::string FoldedText(const Folded& folded, size_t columns) {
  if (!folded.any()) return "";
  constexpr std::string_view kEnd = "; --unfold shows them";
  const size_t count = folded.names.size();
  std::string text = std::to_string(count) + (count == 1 ? " wrapper folded: " : " wrappers folded: ");
  for (size_t i = 0; i < count; ++i) {
    const std::string next = (i == 0 ? "" : ", ") + folded.names[i];
    constexpr std::string_view kMore = ", ...";
    const size_t rest = kEnd.size() + (i + 1 < count ? kMore.size() : 0);
    if (i > 0 && text.size() + next.size() + rest > columns) {
      text += kMore;
      break;
    }
    text += next;
  }
  return text + std::string(count == 1 ? "; --unfold shows it" : kEnd);
}

}  // namespace heapprof::tools
