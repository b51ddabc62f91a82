// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report.h"

#include <cstdio>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/terminal.h"

namespace heapprof::tools {
namespace {

double ToDouble(Sum value) { return static_cast<double>(value); }

std::string Human(const View& view, Sum value) { return HumanValue(ToDouble(value), view.unit()); }

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
  std::printf("%s, %s: %s of %s%s\n", Printable(view.file()).c_str(), Printable(view.type_name()).c_str(),
              Human(view, shown).c_str(), HumanWithUnit(ToDouble(view.total()), view.unit()).c_str(),
              limits.empty() ? "" : (", 95 % sure to be in " + limits).c_str());
  const std::string folded = FoldedText(view.folded(), OutputColumns());
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
    Tell(Printable(view.file()) + ": no stack is left by --focus, --ignore and --tag");
  }
  if (granularity != Granularity::kModule) TellIfWithoutNames(view.file(), view.profile());
}

}  // namespace heapprof::tools
