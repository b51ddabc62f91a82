// SPDX-License-Identifier: Apache-2.0
#include "tools/report/summary.h"

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

std::string Summary(Profile profile) {
  DropFrames(&profile);
  const View view("", std::move(profile), ViewOptions());
  const auto human = [&](Sum value) { return HumanValue(static_cast<double>(value), view.unit()); };
  std::string line = Printable(view.type_name()) + " " + human(view.total());
  const FrameTable frames(view.profile(), Granularity::kFunction);
  const std::vector<Row> rows = MakeTable(view, frames, Order::kFlat);
  if (rows.empty() || rows.front().flat <= 0) return line;
  const uint32_t frame = rows.front().frame;
  return line + ", most in " + RowNames(frames, NameForm::kDisplay, {frame}).Of(frame, 0) + " (" +
         human(rows.front().flat) + ")";
}

}  // namespace heapprof::tools
