// SPDX-License-Identifier: Apache-2.0
#include "tools/report/view.h"

#include <charconv>

#include "tools/base/failure.h"
#include "tools/blame/emergency_pool.h"
#include "tools/blame/hide.h"
#include "tools/blame/types.h"

namespace heapprof::tools {
namespace {

size_t TypeOf(const std::string& file, const Profile& profile, const std::string& name) try {
  return FindSampleType(profile, name);
} catch (const Failure& failure) {
  throw Failure(Printable(file) + " " + failure.what(), failure.status());
}

struct Tag {
  std::string key, value;
  bool is_number = false;
  int64_t number = 0;
};

std::vector<Tag> ParseTags(const std::vector<std::string>& texts) {
  std::vector<Tag> tags;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Failure("--tag " + Printable(text) + " is not KEY=VALUE");
    }
    Tag tag{text.substr(0, equals), text.substr(equals + 1)};
    const char* end = tag.value.data() + tag.value.size();
    const auto result = std::from_chars(tag.value.data(), end, tag.number);
    tag.is_number = result.ec == std::errc() && result.ptr == end;
    tags.push_back(std::move(tag));
  }
  return tags;
}

bool Has(const Profile& profile, const ProfileSample& sample, const Tag& tag) {
  for (const ProfileLabel& label : profile.labels_of(sample)) {
    if (profile.text(label.key) != tag.key) continue;
    if (label.str != 0 ? profile.text(label.str) == tag.value : tag.is_number && label.num == tag.number) {
      return true;
    }
  }
  return false;
}

std::string FiltersOf(const ViewOptions& options) {
  std::vector<std::string> used;
  if (!options.focus.empty()) used.emplace_back("--focus");
  if (!options.ignore.empty()) used.emplace_back("--ignore");
  if (!options.tags.empty()) used.emplace_back("--tag");
  std::string text;
  for (size_t i = 0; i < used.size(); ++i) {
    text += (i == 0 ? "" : i + 1 < used.size() ? ", " : " and ") + used[i];
  }
  return text;
}

// Of files of several kinds those count that have the type that is asked for.
LoadOptions LoadOf(const ViewOptions& options) {
  LoadOptions load = options.load;
  load.type = options.type;
  return load;
}

}  // namespace

View::View(const std::string& file, const ViewOptions& options)
    : View(file, LoadNamedProfile(file, options.load), options) {}

View::View(const std::vector<std::string>& files, const ViewOptions& options)
    : View(LoadSum(files, LoadOf(options)), options) {}

View::View(NamedProfileSum sum, const ViewOptions& options)
    : View(sum.name, std::move(sum.profile), options) {}

View::View(const std::string& file, Profile profile, const ViewOptions& options)
    : file_(file),
      profile_(std::move(profile)),
      type_(TypeOf(file, profile_, options.type)),
      estimator_(profile_, type_),
      filters_(FiltersOf(options)) {
  NameEmergencyPool(&profile_);
  Select(options);
  CutStacks(options);
}

void View::CutStacks(const ViewOptions& options) {
  FoldOptions fold;
  fold.by_behaviour = options.fold_by_behaviour;
  // What somebody asks for by its name is not folded.
  const auto keep = [&](const std::vector<bool>& matches) {
    fold.kept.resize(matches.size());
    for (size_t i = 0; i < matches.size(); ++i) fold.kept[i] = fold.kept[i] || matches[i];
  };
  if (!options.prune_from.empty()) keep(MatchNames(profile_, options.prune_from, "--prune-from"));
  if (!options.keep.empty()) keep(NamedFunctions(profile_, options.keep, "REGEX"));
  if (!options.hide.empty() || !options.show.empty()) HideFrames(&profile_, options.hide, options.show);
  if (!options.prune_from.empty()) PruneFrom(&profile_, options.prune_from);
  if (options.by_type) {
    StacksToTypes(&profile_, type_);
    return;
  }
  if (!options.unfold && options.show.empty()) folded_ = Fold(&profile_, type_, fold);
}

void View::Select(const ViewOptions& options) {
  const std::vector<Tag> tags = ParseTags(options.tags);
  std::vector<bool> focus, ignore;
  if (!options.focus.empty()) focus = MatchLocations(profile_, options.focus, "--focus");
  if (!options.ignore.empty()) ignore = MatchLocations(profile_, options.ignore, "--ignore");
  samples_.reserve(profile_.samples.size());
  selected_.assign(profile_.samples.size(), true);
  for (uint32_t i = 0; i < profile_.samples.size(); ++i) {
    bool selected = true;
    if (!focus.empty() || !ignore.empty()) {
      bool focused = focus.empty(), ignored = false;
      for (const uint32_t location : profile_.stack(profile_.samples[i])) {
        focused = focused || focus[location];
        ignored = ignored || (!ignore.empty() && ignore[location]);
      }
      selected = focused && !ignored;
    }
    for (const Tag& tag : tags) selected = selected && Has(profile_, profile_.samples[i], tag);
    selected_[i] = selected;
    const int64_t amount = value(i);
    if (amount == 0) continue;
    total_ += amount < 0 ? -static_cast<Sum>(amount) : amount;
    if (estimator_.sampled()) total_uncertainty_.Add(estimator_.Of(i));
    if (selected) samples_.push_back(i);
  }
}

}  // namespace heapprof::tools
