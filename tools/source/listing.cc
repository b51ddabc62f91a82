// SPDX-License-Identifier: Apache-2.0
#include "tools/source/listing.h"

#include <algorithm>
#include <filesystem>

#include "tools/names/display_name.h"
#include "tools/names/name_expression.h"
#include "tools/profile/frames.h"

namespace heapprof::tools {
namespace {

// Frames that are shown inside of a line: a hostile file may have any number.
constexpr size_t kMaxInlined = 100;

class Lister {
 public:
  Lister(const View& view, const std::string& regex) : view_(view), profile_(view.profile()), regex_(regex) {
    const NameExpression wanted(regex, "list");
    std::map<std::pair<std::string_view, std::string_view>, uint32_t> known;
    listed_.assign(profile_.functions.size(), kNone);
    for (size_t i = 0; i < listed_.size(); ++i) {
      const ProfileFunction& function = profile_.functions[i];
      const std::string_view whole = profile_.text(function.name), file = profile_.text(function.filename);
      if (whole.empty() || !wanted.Names(whole)) continue;
      const std::string_view name = NameOfWhole(profile_, function);  // one row of `top`, too
      const auto next = static_cast<uint32_t>(functions_.size());
      const auto [found, is_new] = known.emplace(std::pair(name, file), next);
      if (is_new) functions_.push_back({std::string(name), Normal(file), function.start_line, {}, {}});
      listed_[i] = found->second;
    }
  }

  std::vector<ListedFunction> List() {
    for (const uint32_t sample : view_.samples()) {
      const Range<uint32_t> stack = profile_.stack(profile_.samples[sample]);
      if (view_.estimator().sampled()) contribution_ = view_.estimator().Of(sample);
      for (size_t at = 0; at < stack.size(); ++at) {
        AddLocation(sample, profile_.lines_of(profile_.locations[stack[at]]), at == 0);
      }
    }
    functions_.erase(std::remove_if(functions_.begin(), functions_.end(),
                                    [](const ListedFunction& one) { return one.figure.counted == 0; }),
                     functions_.end());
    // `list main` is of main, whatever else has the word in its name.
    const auto is_exact = [&](const ListedFunction& one) { return DisplayName(one.name) == regex_; };
    std::stable_sort(functions_.begin(), functions_.end(),
                     [&](const ListedFunction& a, const ListedFunction& b) {
                       const auto size = [](Sum sum) { return sum < 0 ? -sum : sum; };
                       if (a.figure.flat != b.figure.flat) return size(a.figure.flat) > size(b.figure.flat);
                       const bool a_exact = is_exact(a), b_exact = is_exact(b);
                       if (a_exact != b_exact) return a_exact;
                       if (a.figure.cum != b.figure.cum) return size(a.figure.cum) > size(b.figure.cum);
                       return std::tie(a.name, a.file) < std::tie(b.name, b.file);
                     });
    return std::move(functions_);
  }

 private:
  static std::string Normal(std::string_view file) {
    return file.empty() ? "" : std::filesystem::path(file).lexically_normal().string();
  }

  void Count(uint32_t sample, bool is_flat, Figure* figure) const {
    const bool sampled = view_.estimator().sampled();
    const int64_t value = view_.value(sample);
    if (figure->counted != sample + 1) {
      figure->cum += value;
      if (sampled) figure->cum_uncertainty.Add(contribution_);
      figure->counted = sample + 1;
    }
    if (!is_flat) return;
    figure->flat += value;
    if (sampled) figure->flat_uncertainty.Add(contribution_);
  }

  // `lines` are those of one location, the innermost first.
  void AddLocation(uint32_t sample, Range<ProfileLine> lines, bool is_leaf) {
    for (size_t i = 0; i < lines.size(); ++i) {
      const uint32_t listed = lines[i].function == kNone ? kNone : listed_[lines[i].function];
      if (listed == kNone) continue;
      ListedFunction& function = functions_[listed];
      const bool is_flat = is_leaf && i == 0;
      Count(sample, is_flat, &function.figure);
      ListedLine& line = function.lines[lines[i].line];
      Count(sample, is_flat, &line.figure);
      auto* inlined = &line.inlined;
      for (size_t inner = i; inner-- > i - std::min(i, kMaxInlined);) {
        const uint32_t id = lines[inner].function;
        const ProfileFunction none, &callee = id == kNone ? none : profile_.functions[id];
        ListedLine& call = (*inlined)[{std::string(profile_.text(callee.name)),
                                       Normal(profile_.text(callee.filename)), lines[inner].line}];
        Count(sample, is_leaf && inner == 0, &call.figure);
        inlined = &call.inlined;
      }
    }
  }

  const View& view_;
  const Profile& profile_;
  const std::string& regex_;
  Contribution contribution_;     // of the sample at hand
  std::vector<uint32_t> listed_;  // by function of the profile
  std::vector<ListedFunction> functions_;
};

}  // namespace

std::vector<ListedFunction> ListFunctions(const View& view, const std::string& regex) {
  return Lister(view, regex).List();
}

}  // namespace heapprof::tools
