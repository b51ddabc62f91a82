// SPDX-License-Identifier: Apache-2.0
#include "tools/report/summary.h"

#include <string_view>
#include <utility>
#include <vector>

#include "tools/base/failure.h"
#include "tools/base/human.h"
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
  const std::vector<Row> rows = MakeTable(view, frames, Order::kFlat);
  if (rows.empty() || rows.front().flat <= 0) return line;
  return line + ", most in " +
         RowNames(frames, NameForm::kDisplay, {rows.front().frame}).Of(rows.front().frame, kMaxName) + " (" +
         human(rows.front().flat) + ")";
}

bool HasValues(const Profile& profile, size_t type) {
  for (size_t i = 0; i < profile.samples.size(); ++i) {
    if (profile.values_of(i)[type] != 0) return true;
  }
  return false;
}

bool HasType(const Profile& profile, std::string_view name) {
  for (size_t i = 0; i < profile.type_count(); ++i) {
    if (profile.type_name(i) == name) return true;
  }
  return false;
}

}  // namespace

std::string Summary(Profile profile) {
  DropFrames(&profile);
  ViewOptions options;
  std::string line;
  const size_t type = FindSampleType(profile, "");
  // A program that cleans up behind itself has nothing in use in the end.
  if (!HasValues(profile, type) && HasType(profile, "alloc_space")) {
    line = Printable(profile.type_name(type)) + " " + HumanValue(0, profile.unit_name(type)) + "; ";
    options.type = "alloc_space";
  }
  return line + TypeInOneLine(View("", std::move(profile), options));
}

}  // namespace heapprof::tools
