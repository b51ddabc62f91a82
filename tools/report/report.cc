// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report.h"

#include <cstdio>

#include "tools/base/failure.h"
#include "tools/base/human.h"

namespace heapprof::tools {
namespace {

double ToDouble(Sum value) { return static_cast<double>(value); }

std::string Human(const View& view, Sum value) { return HumanValue(ToDouble(value), view.unit()); }

// The figure that the order goes by decides whether a line is noise.
bool IsNoiseRow(const View& view, const Row& row) {
  if (!view.estimator().sampled()) return false;
  const double cum = ToDouble(row.cum);
  return cum > 0 && IsNoise(cum, row.cum_uncertainty.Limits(cum));
}

void TopJson(const View& view, const FrameTable& frames, const std::vector<Row>& rows, size_t limit) {
  std::printf("{%s, \"rows\": [", JsonHeading(view).c_str());
  for (size_t i = 0; i < limit; ++i) {
    const Row& row = rows[i];
    std::printf("%s\n  {\"name\": %s, \"module\": %s, \"source\": %s, %s, %s, \"noise\": %s}",
                i == 0 ? "" : ",", JsonString(frames.name(row.frame)).c_str(),
                JsonString(frames.module(row.frame)).c_str(), JsonString(frames.source(row.frame)).c_str(),
                JsonFigure(view, "flat", row.flat, row.flat_uncertainty).c_str(),
                JsonFigure(view, "cum", row.cum, row.cum_uncertainty).c_str(),
                IsNoiseRow(view, row) ? "true" : "false");
  }
  std::printf("\n]}\n");
}

}  // namespace

std::string JsonFigure(const View& view, const char* name, Sum value, const Uncertainty& uncertainty) {
  const std::string key = name;
  std::string out = JsonString(key) + ": " + Decimal(value);
  if (!view.estimator().sampled()) return out;
  const ConfidenceLimits limits = uncertainty.Limits(ToDouble(value));
  return out + ", " + JsonString(key + "_low") + ": " + JsonNumber(limits.low) + ", " +
         JsonString(key + "_high") + ": " + JsonNumber(limits.high);
}

std::string LimitsText(const View& view, Sum value, const Uncertainty& uncertainty) {
  if (!view.estimator().sampled() || value <= 0) return "";
  const ConfidenceLimits limits = uncertainty.Limits(ToDouble(value));
  return "[" + HumanValue(limits.low, view.unit()) + ", " + HumanValue(limits.high, view.unit()) + "]";
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
              Human(view, shown).c_str(), Human(view, view.total()).c_str(),
              limits.empty() ? "" : (", 95 % sure to be in " + limits).c_str());
}

std::string JsonHeading(const View& view) {
  return "\"file\": " + JsonString(view.file()) + ", \"type\": " + JsonString(view.type_name()) +
         ", \"unit\": " + JsonString(view.unit()) + ", " +
         JsonFigure(view, "total", view.total(), view.total_uncertainty());
}

void TellOfView(const View& view, Granularity granularity) {
  if (view.samples().empty() && view.total() != 0) {
    Tell(Printable(view.file()) + ": no stack is left by --focus, --ignore and --tag");
  }
  if (granularity != Granularity::kModule) TellIfWithoutNames(view.file(), view.profile());
}

void Top(const ReportRequest& request) {
  const View view(request.files, request.view);
  TellOfView(view, request.granularity);
  const FrameTable frames(view.profile(), request.granularity);
  const std::vector<Row> rows = MakeTable(view, frames, request.order);
  const size_t limit = request.limit == 0 ? rows.size() : std::min(request.limit, rows.size());
  if (request.json) return TopJson(view, frames, rows, limit);

  PrintHeading(view);
  const bool sampled = view.estimator().sampled();
  const char* limits_heading = sampled ? " 95 % limits           " : "";
  char heading[160];
  std::snprintf(heading, sizeof heading, "%10s %7s %7s%s %10s %7s%s  name", "flat", "flat%", "sum%",
                limits_heading, "cum", "cum%", limits_heading);
  std::printf("%s\n", Coloured(heading, Colour::kBold).c_str());
  Sum flat_sum = 0;
  bool any_noise = false;
  for (size_t i = 0; i < limit; ++i) {
    const Row& row = rows[i];
    flat_sum += row.flat;
    const auto limits = [&](Sum value, const Uncertainty& uncertainty) {
      if (!sampled) return std::string();
      std::string text = " " + LimitsText(view, value, uncertainty);
      text.resize(std::max<size_t>(text.size(), 23), ' ');
      return text;
    };
    const double total = ToDouble(view.total());
    const bool noise = IsNoiseRow(view, row);
    any_noise = any_noise || noise;
    char figures[160];
    std::snprintf(figures, sizeof figures, "%10s %7s %7s%s %10s %7s%s %c", Human(view, row.flat).c_str(),
                  Percent(ToDouble(row.flat), total).c_str(), Percent(ToDouble(flat_sum), total).c_str(),
                  limits(row.flat, row.flat_uncertainty).c_str(), Human(view, row.cum).c_str(),
                  Percent(ToDouble(row.cum), total).c_str(), limits(row.cum, row.cum_uncertainty).c_str(),
                  noise ? '~' : ' ');
    const std::string line = figures + Printable(frames.name(row.frame));
    std::printf("%s\n", noise ? Coloured(line, Colour::kDim).c_str() : line.c_str());
  }
  if (limit < rows.size()) std::printf("... and %zu more lines; --limit 0 shows all\n", rows.size() - limit);
  if (any_noise) std::printf("~ within the noise: fewer than about eight samples stand behind the line\n");
}

}  // namespace heapprof::tools
