// SPDX-License-Identifier: Apache-2.0
#include "tools/report/summary.h"

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/blame/emergency_pool.h"
#include "tools/profile/drop_frames.h"
#include "tools/profile/frames.h"
#include "tools/report/row_names.h"
#include "tools/report/table.h"
#include "tools/report/view.h"

namespace heapprof::tools {

namespace {

std::string TypeInOneLine(const View& view) {
  constexpr size_t kMaxName = 60;
  const auto human = [&](Sum value) { return HumanValue(static_cast<double>(value), view.unit()); };
  std::string line =
      Printable(view.type_name()) + " " + HumanWithUnit(static_cast<double>(view.total()), view.unit());
  const FrameTable frames(view.profile(), Granularity::kFunction);
  std::vector<Row> rows = MakeTable(view, frames, Order::kFlat);
  PutPoolLast(frames, &rows);
  if (rows.empty() || rows.front().flat <= 0) return line;
  return line + ", most in " +
         RowNames(frames, NameForm::kDisplay, {rows.front().frame}).Of(rows.front().frame, kMaxName) + " (" +
         human(rows.front().flat) + ")";
}

Sum Total(const Profile& profile, size_t type) {
  Sum total = 0;
  for (size_t i = 0; i < profile.samples.size(); ++i) total += profile.values_of(i)[type];
  return total;
}

bool IsPool(const Profile& profile, const ProfileSample& sample) {
  const Range<uint32_t> stack = profile.stack(sample);
  if (stack.empty() || profile.locations[stack[0]].line_count != 1) return false;
  const uint32_t function = profile.lines[profile.locations[stack[0]].first_line].function;
  return function != kNone && profile.text(profile.functions[function].name) == kEmergencyPool;
}

// What is in use, but for the reserve of libstdc++ that is in every process.
Sum Rest(const Profile& profile, size_t in_use) {
  Sum rest = 0;
  for (size_t i = 0; i < profile.samples.size(); ++i) {
    if (!IsPool(profile, profile.samples[i])) rest += profile.values_of(i)[in_use];
  }
  return rest;
}

// Others, as of leaks and growth, may be empty for better reasons.
bool IsOfHeap(const Profile& profile) {
  if (profile.text(profile.header.period_type.type) != "space") return false;
  for (size_t i = 0; i < profile.type_count(); ++i) {
    if (profile.type_name(i) == "alloc_space") return true;
  }
  return false;
}

}  // namespace

ptrdiff_t WhatWasAllocated(const Profile& profile, size_t in_use) {
  constexpr int kMinPart = 20;  // one in so many
  for (size_t i = 0; i < profile.type_count(); ++i) {
    if (profile.type_name(i) != "alloc_space" || i == in_use) continue;
    const bool comparable = profile.unit_name(i) == profile.unit_name(in_use);
    const Sum rest = Rest(profile, in_use), all = Total(profile, i);
    if (rest == 0 || (comparable && rest > 0 && rest < all / kMinPart)) return static_cast<ptrdiff_t>(i);
  }
  return -1;
}

std::string WhyEmpty(const Profile& profile) {
  if (!profile.samples.empty()) return "";
  const int64_t period = profile.header.period;
  if (!IsOfHeap(profile)) return "there are no samples in it";
  if (period <= 1) return "no block was recorded";
  return "no block was sampled, as the program asked for little beside the interval of " +
         HumanBytes(static_cast<double>(period)) + ": --interval 1 records every block";
}

std::string Summary(Profile profile) {
  // Of no ticks the figure itself says enough: "cpu 0 ns".
  if (std::string why = WhyEmpty(profile); IsOfHeap(profile) && !why.empty()) return why;
  DropFrames(&profile);
  ViewOptions options;
  std::string line;
  const size_t type = FindSampleType(profile, "");
  if (WhatWasAllocated(profile, type) >= 0) {
    line = Printable(profile.type_name(type)) + " " +
           HumanWithUnit(static_cast<double>(Total(profile, type)), profile.unit_name(type)) + "; ";
    options.type = "alloc_space";
  }
  return line + TypeInOneLine(View("", std::move(profile), options));
}

}  // namespace heapprof::tools
