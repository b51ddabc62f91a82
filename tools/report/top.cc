// SPDX-License-Identifier: Apache-2.0
// `heapprof top`: a page that fits the terminal.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/terminal.h"
#include "tools/blame/emergency_pool.h"
#include "tools/report/report.h"
#include "tools/report/summary.h"

namespace heapprof::tools {
namespace {

constexpr size_t kFigure = 10, kShare = 6, kError = 7;  // columns
// A page that is narrower has no bars.
constexpr size_t kMinForBars = 90;
constexpr size_t kBar = 8;

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
    std::printf("%s\n  {\"name\": %s, \"module\": %s, \"source\": %s, %s, %s, \"noise\": %s, \"line\": %lld}",
                i == 0 ? "" : ",", JsonString(frames.name(row.frame)).c_str(),
                JsonString(frames.module(row.frame)).c_str(), JsonString(frames.source(row.frame)).c_str(),
                JsonFigure(view, "flat", row.flat, row.flat_uncertainty).c_str(),
                JsonFigure(view, "cum", row.cum, row.cum_uncertainty).c_str(),
                IsNoiseRow(view, row) ? "true" : "false",
                static_cast<long long>(frames.start_line(row.frame)));
  }
  std::printf("\n]}\n");
}

std::string ShareText(Sum part, Sum whole) {
  if (part == 0 || whole == 0) return "0%";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%", 100 * ToDouble(part) / ToDouble(whole));
  return text;
}

// "±43%": how far the farther 95 % limit is from the value. Exact limits are in the JSON.
std::string ErrorText(Sum value, const Uncertainty& uncertainty) {
  if (value <= 0) return "";
  const double middle = ToDouble(value);
  const ConfidenceLimits limits = uncertainty.Limits(middle);
  const double error = 100 * std::max(limits.high - middle, middle - limits.low) / middle;
  constexpr double kMaxShown = 999;  // more is no figure
  char text[32];
  std::snprintf(text, sizeof text, "%s%.0f%%", ShowsUnicode() ? "\u00b1" : "+-", std::min(error, kMaxShown));
  return text;
}

// One line for each row, and one that heads them.
class TopPage {
 public:
  TopPage(const View& view, const FrameTable& frames, const std::vector<Row>& rows,
          const ReportRequest& request)
      : view_(view),
        request_(request),
        names_(frames, request.names, FramesOf(rows)),
        columns_(OutputColumns()) {
    for (const Row& row : rows) largest_ = std::max(largest_, std::fabs(ToDouble(ValueOf(row))));
  }

  std::string Heading() const {
    const std::string error = ShowsUnicode() ? "\u00b195%" : "+-95%";
    return Line("flat", error, "flat%", bars() ? std::string(kBar, ' ') : "", "cum", error, "cum%", "  ") +
           "name";
  }

  // A row up to its name, and the name.
  std::string Text(const Row& row, bool noise) const {
    const Sum value = ValueOf(row);
    const std::string figures = Line(
        Human(view_, row.flat), sampled() ? ErrorText(row.flat, row.flat_uncertainty) : "",
        ShareText(row.flat, view_.total()), bars() ? Bar(std::fabs(ToDouble(value)) / largest_, kBar) : "",
        Human(view_, row.cum), sampled() ? ErrorText(row.cum, row.cum_uncertainty) : "",
        ShareText(row.cum, view_.total()), noise ? " ~" : "  ");
    const size_t used = ColumnsOf(figures);
    constexpr size_t kMinName = 20;
    return figures + names_.Of(row.frame, std::max(columns_ > used ? columns_ - used : 0, kMinName));
  }

 private:
  static std::vector<uint32_t> FramesOf(const std::vector<Row>& rows) {
    std::vector<uint32_t> frames;
    frames.reserve(rows.size());
    for (const Row& row : rows) frames.push_back(row.frame);
    return frames;
  }
  bool sampled() const { return view_.estimator().sampled(); }
  bool bars() const { return columns_ >= kMinForBars; }
  Sum ValueOf(const Row& row) const { return request_.order == Order::kFlat ? row.flat : row.cum; }

  std::string Line(const std::string& flat, const std::string& flat_error, const std::string& flat_share,
                   const std::string& bar, const std::string& cum, const std::string& cum_error,
                   const std::string& cum_share, const std::string& rest) const {
    const auto error = [&](const std::string& text) { return sampled() ? AlignRight(text, kError) : ""; };
    // The bar stands behind the figures that it shows.
    const bool of_flat = request_.order == Order::kFlat;
    const std::string shown = bar.empty() ? "" : " " + bar;
    return AlignRight(flat, kFigure) + error(flat_error) + AlignRight(flat_share, kShare + 1) +
           (of_flat ? shown : "") + AlignRight(cum, kFigure + 1) + error(cum_error) +
           AlignRight(cum_share, kShare + 1) + (of_flat ? "" : shown) + rest;
  }

  const View& view_;
  const ReportRequest& request_;
  RowNames names_;
  size_t columns_;
  double largest_ = 0;
};

}  // namespace

void Top(const ReportRequest& request) {
  const View view(request.files, request.view);
  TellOfView(view, request.granularity);
  const FrameTable frames(view.profile(), request.granularity);
  std::vector<Row> rows = MakeTable(view, frames, request.order);
  const size_t limit = request.limit == 0 ? rows.size() : std::min(request.limit, rows.size());
  if (request.json) return TopJson(view, frames, rows, limit);

  PrintHeading(view);
  const size_t all = rows.size();
  const bool pool_moved = request.order == Order::kFlat && PutPoolLast(frames, &rows);
  rows.resize(limit);
  const TopPage page(view, frames, rows, request);
  std::printf("%s\n", Coloured(page.Heading(), Colour::kBold).c_str());
  bool any_noise = false;
  for (const Row& row : rows) {
    const bool noise = IsNoiseRow(view, row);
    any_noise = any_noise || noise;
    const std::string line = page.Text(row, noise);
    std::printf("%s\n", noise ? Coloured(line, Colour::kDim).c_str() : line.c_str());
  }
  if (limit < all)
    std::printf("... and %s; --limit 0 shows all\n", Counted(all - limit, "more line").c_str());
  const bool any_start = std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
    const std::string& name = frames.name(row.frame);
    return name[0] == '[' && name.find("+0x") != std::string::npos;
  });
  const auto note = [](const std::string& text) {
    std::printf("%s\n", Wrapped(text, OutputColumns()).c_str());
  };
  if (any_start) note("[FILE+0x...] functions of a stripped file that no symbol names, by where they begin");
  if (pool_moved)
    note("[libstdc++: ...] a reserve of every process with libstdc++; what others asked for is before it");
  // Whoever looks at a program that has ended asks for another type in most cases.
  const bool nothing_sure =
      rows.empty() || IsNoiseRow(view, rows.front()) || frames.name(rows.front().frame) == kEmergencyPool;
  const ptrdiff_t allocated = !view.profile().samples.empty() && request.view.type.empty() &&
                                      request.order == Order::kFlat && nothing_sure
                                  ? WhatWasAllocated(view.profile(), view.type())
                                  : -1;
  if (allocated >= 0) {
    const std::string type(view.profile().type_name(static_cast<size_t>(allocated)));
    note("Little is in use: --type " + type + " shows what was allocated since the start, freed or not");
  }
  if (any_noise) note("~ within the noise: fewer than about eight samples stand behind the line");
}

}  // namespace heapprof::tools
