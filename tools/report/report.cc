// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report.h"

#include <algorithm>
#include <cstdio>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/terminal.h"
#include "tools/report/summary.h"

namespace heapprof::tools {
namespace {

double ToDouble(Sum value) { return static_cast<double>(value); }

std::string Human(const View& view, Sum value) { return HumanValue(ToDouble(value), view.unit()); }

// A path of which the beginning goes where there is no room for it; the name itself stays.
std::string FileForHeading(const std::string& file, size_t columns) {
  std::string text = Printable(file);
  while (ColumnsOf(text) > columns) {
    const size_t slash = text.find('/', 4);
    if (slash == std::string::npos) break;
    text = "..." + text.substr(slash);
  }
  return text;
}

}  // namespace

std::string LimitsText(const View& view, Sum value, const Uncertainty& uncertainty) {
  if (!view.estimator().sampled() || value <= 0) return "";
  const ConfidenceLimits limits = uncertainty.Limits(ToDouble(value));
  return "[" + HumanValue(limits.low, view.unit()) + ", " + HumanValue(limits.high, view.unit()) + "]";
}

std::string JsonFigure(const View& view, const char* name, Sum value, const Uncertainty& uncertainty) {
  const std::string key = name;
  std::string out = JsonString(key) + ": " + Decimal(value);
  if (!view.estimator().sampled()) return out;
  const ConfidenceLimits limits = uncertainty.Limits(ToDouble(value));
  return out + ", " + JsonString(key + "_low") + ": " + JsonNumber(limits.low) + ", " +
         JsonString(key + "_high") + ": " + JsonNumber(limits.high);
}

void PrintHeading(const View& view) {
  Sum shown = 0;
  Uncertainty uncertainty;
  for (const uint32_t sample : view.samples()) {
    shown += view.value(sample);
    if (view.estimator().sampled()) uncertainty.Add(view.estimator().Of(sample));
  }
  const std::string limits = LimitsText(view, shown, uncertainty);
  const size_t columns = OutputColumns();
  const std::string what = ", " + Printable(view.type_name()) + ": " + Human(view, shown) + " of " +
                           HumanWithUnit(ToDouble(view.total()), view.unit());
  const std::string sure = "95 % sure to be in " + limits;
  const std::string first = FileForHeading(view.file(), columns - std::min(columns, ColumnsOf(what))) + what;
  const bool in_one = ColumnsOf(first) + 2 + ColumnsOf(sure) <= columns;
  std::printf("%s%s\n", first.c_str(), limits.empty() ? "" : ((in_one ? ", " : ",\n  ") + sure).c_str());
  const std::string folded = FoldedText(view.folded(), columns);
  if (!folded.empty()) std::printf("%s\n", Printable(folded).c_str());
}

std::string JsonHeading(const View& view) {
  std::string folded;
  for (const std::string& name : view.folded().names) {
    folded += (folded.empty() ? "" : ", ") + JsonString(name);
  }
  return "\"file\": " + JsonString(view.file()) + ", \"type\": " + JsonString(view.type_name()) +
         ", \"unit\": " + JsonString(view.unit()) + ", " +
         JsonFigure(view, "total", view.total(), view.total_uncertainty()) + ", \"folded\": [" + folded + "]";
}

void TellOfView(const View& view, Granularity granularity) {
  if (view.samples().empty() && view.total() != 0) {
    Tell(Printable(view.file()) + ": no stack is left by " + view.filters());
  }
  const std::string why = WhyEmpty(view.profile());
  if (!why.empty()) Tell(Printable(view.file()) + ": " + why);
  if (granularity != Granularity::kModule) TellIfWithoutNames(view.file(), view.profile());
}

}  // namespace heapprof::tools
