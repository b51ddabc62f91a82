// SPDX-License-Identifier: Apache-2.0
#include "tools/lifetimes/lifetime_rows.h"

#include <algorithm>
#include <map>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

constexpr const char* kTypes[] = {"freed_objects", "freed_space", "live_objects", "live_space"};

size_t ClassOf(std::string_view name) {
  for (size_t i = 0; i < kLifetimeClasses; ++i) {
    if (name == kLifetimes[i]) return i;
  }
  return kDecades;  // unknown
}

Sum ValueOf(const Lifetimes& lifetimes, const std::string& type) {
  return type == kTypes[0]   ? lifetimes.freed_objects
         : type == kTypes[1] ? lifetimes.freed_space
         : type == kTypes[2] ? lifetimes.live_objects
         : type == kTypes[3] ? lifetimes.live_space
                             : lifetimes.freed_space + lifetimes.live_space;
}

}  // namespace

LifetimeTable::LifetimeTable(const View& view, const FrameTable& frames) : view_(view), frames_(frames) {
  const Profile& profile = view.profile();
  const std::string_view collected = CommentValue(profile, "lifetimes");
  if (collected.empty()) {
    throw Failure(Printable(view.file()) +
                  " is no profile of lifetimes: heapprof dump --profile lifetimes PID asks for one");
  }
  if (collected != "collected") {
    throw Failure(Printable(view.file()) + ": lifetimes were " + Printable(collected) +
                  ", from the start of the program");
  }
  for (size_t i = 0; i < 4; ++i) types_[i] = FindSampleType(profile, kTypes[i]);
  for (uint32_t i = 0; i < profile.samples.size(); ++i) {
    if (view.IsSelected(i)) Add(i, &total_);
  }
}

void LifetimeTable::Add(uint32_t sample, Lifetimes* to) const {
  const Profile& profile = view_.profile();
  size_t of_class = kDecades;
  bool temporary = false;
  double age = 0;
  for (const ProfileLabel& label : profile.labels_of(profile.samples[sample])) {
    const std::string_view key = profile.text(label.key);
    if (key == "lifetime") of_class = ClassOf(profile.text(label.str));
    if (key == "temporary") temporary = profile.text(label.str) == "yes";
    if (key == "age" && label.str == 0) age = static_cast<double>(label.num);
  }
  const Range<int64_t> values = profile.values_of(sample);
  const int64_t freed_objects = values[types_[0]], freed_space = values[types_[1]];
  const int64_t live_objects = values[types_[2]], live_space = values[types_[3]];
  to->freed_objects += freed_objects;
  to->freed_space += freed_space;
  to->live_objects += live_objects;
  to->live_space += live_space;
  to->freed[of_class] += freed_space;
  to->live[of_class] += live_space;
  to->ages += age * static_cast<double>(live_objects);
  if (temporary) {
    to->temporary_objects += freed_objects;
    to->temporary_space += freed_space;
  }
}

std::vector<LifetimeRow> LifetimeTable::Rows(bool by_leaf, const std::string& type) const {
  const Profile& profile = view_.profile();
  std::map<std::vector<uint32_t>, Lifetimes> by_stack;
  for (uint32_t i = 0; i < profile.samples.size(); ++i) {
    if (!view_.IsSelected(i)) continue;
    std::vector<uint32_t> stack;
    for (const uint32_t location : profile.stack(profile.samples[i])) {
      for (const uint32_t frame : frames_.frames_of(location)) stack.push_back(frame);
    }
    if (by_leaf && stack.size() > 1) stack.resize(1);
    Add(i, &by_stack[stack]);
  }
  std::vector<LifetimeRow> rows;
  for (auto& [stack, lifetimes] : by_stack) {
    if (ValueOf(lifetimes, type) != 0) rows.push_back({stack, lifetimes});
  }
  std::stable_sort(rows.begin(), rows.end(), [&](const LifetimeRow& a, const LifetimeRow& b) {
    return ValueOf(a.lifetimes, type) > ValueOf(b.lifetimes, type);
  });
  return rows;
}

}  // namespace heapprof::tools
