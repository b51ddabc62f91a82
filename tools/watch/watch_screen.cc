// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/watch_screen.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/terminal.h"
#include "tools/names/display_name.h"

namespace heapprof::tools {
namespace {

constexpr size_t kFigure = 11;  // columns

// What goes first where there is no room has the highest number.
enum Priority { kStays, kCurve, kBar, kBlank, kLegend };

struct PlacedLine {
  WatchLine line;
  Priority priority;
};

size_t Columns(const WatchLine& line) {
  size_t columns = 0;
  for (const WatchPiece& piece : line) columns += ColumnsOf(piece.text);
  return columns;
}

// The first `columns` of `text`.
std::string Cut(const std::string& text, size_t columns) {
  size_t at = 0, used = 0;
  while (at < text.size()) {
    const size_t begin = at++;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
    if (used++ == columns) return text.substr(0, begin);
  }
  return text;
}

WatchLine CutLine(WatchLine line, size_t columns) {
  size_t used = 0;
  for (WatchPiece& piece : line) {
    piece.text = Cut(piece.text, columns - used);
    used += ColumnsOf(piece.text);
  }
  return line;
}

std::string Signed(double bytes) { return (bytes < 0 ? "-" : "+") + HumanBytes(std::fabs(bytes)); }

// "2 s", "1 min", "0.2 s"
std::string Seconds(double seconds) {
  constexpr double kMinute = 60;
  char text[32];
  if (seconds >= kMinute) {
    std::snprintf(text, sizeof text, "%.0f min", seconds / kMinute);
  } else {
    std::snprintf(text, sizeof text, seconds < 1 ? "%.1f s" : "%.0f s", seconds);
  }
  return text;
}

const char* NameOf(WatchOrder order) {
  return order == WatchOrder::kLive ? "live" : order == WatchOrder::kAllocated ? "allocated" : "growth";
}

class Screen {
 public:
  Screen(const WatchHistory& history, const WatchState& state, size_t rows, size_t columns)
      : history_(history), state_(state), rows_(rows), columns_(columns) {}

  std::vector<WatchLine> Make() {
    if (rows_ == 0 || columns_ == 0) return {};
    AddTitle();
    if (history_.looks() != 0) {
      AddTotals();
      AddCauses();
      Add({}, kBlank);
      AddHead();
    }
    constexpr size_t kLeastRows = 3;
    const size_t footer = rows_ > kLeastRows ? 1 : 0;
    while (lines_.size() + footer + kLeastRows > rows_ && DropOne()) {
    }
    std::vector<WatchLine> screen;
    for (PlacedLine& placed : lines_) screen.push_back(std::move(placed.line));
    if (history_.looks() != 0) AddRows(rows_ - std::min(rows_, screen.size() + footer), &screen);
    if (footer != 0) {
      screen.resize(std::min(screen.size(), rows_ - 1));
      screen.resize(rows_ - 1);
      screen.push_back(Footer());
    }
    screen.resize(rows_);
    for (WatchLine& line : screen) line = CutLine(std::move(line), columns_);
    return screen;
  }

 private:
  void Add(WatchLine line, Priority priority) { lines_.push_back({std::move(line), priority}); }

  // False: all that are left stay.
  bool DropOne() {
    auto least = lines_.end();
    for (auto at = lines_.begin(); at != lines_.end(); ++at) {
      if (at->priority != kStays && (least == lines_.end() || at->priority >= least->priority)) least = at;
    }
    if (least == lines_.end()) return false;
    lines_.erase(least);
    return true;
  }

  void AddTitle() {
    const std::string left = " heapprof watch: " + Printable(state_.process);
    std::string right = "every " + Seconds(state_.interval) + " ";
    const size_t used = ColumnsOf(left) + ColumnsOf(right);
    right = (used < columns_ ? std::string(columns_ - used, ' ') : "  ") + right;
    Add({{Cut(left + right, columns_), WatchStyle::kTitle}}, kStays);
  }

  void AddTotal(const std::string& name, const std::string& value, const std::string& slope,
                const std::deque<double>& curve, bool from_zero, Priority priority) {
    WatchLine line = {{" " + name, WatchStyle::kBold},
                      {AlignRight(value, kFigure + 3)},
                      {AlignRight(slope, kFigure + 3) + "  "}};
    constexpr size_t kLeastCurve = 8, kMostCurve = 60;
    const size_t used = Columns(line) + 1;
    if (used + kLeastCurve <= columns_)
      line.push_back({Sparkline(curve, std::min(columns_ - used, kMostCurve), from_zero)});
    Add(std::move(line), priority);
  }

  void AddTotals() {
    const auto rate = [this](double slope) { return history_.seconds() > 0 ? Signed(slope) + "/s" : ""; };
    AddTotal("RSS      ", HumanBytes(history_.last().resident), rate(history_.ResidentSlope()),
             history_.resident(), false, kStays);
    AddTotal("live     ", HumanBytes(history_.last().live), rate(history_.LiveSlope()), history_.live(),
             false, kStays);
    AddTotal("allocated", HumanBytes(history_.AllocatedRate()) + "/s", "", history_.rates(), true, kCurve);
  }

  // RSS as a bar of letters, and what they stand for.
  void AddCauses() {
    const WatchLook& look = history_.last();
    if (look.resident <= 0 || columns_ < 4) return;
    const size_t width = columns_ - 4;
    WatchLine bar = {{" ["}}, legend;
    double sum = 0;
    size_t used = 0, line_columns = 0;
    for (const CauseBytes& cause : look.causes) {
      const char letter = LetterOfCause(cause.name);
      sum += cause.bytes;
      const auto end = static_cast<size_t>(std::lround(sum / look.resident * static_cast<double>(width)));
      if (end > used && end <= width) {
        bar.push_back({std::string(end - used, letter), WatchStyle::kCause, letter});
        used = end;
      }
      constexpr double kLeastShare = 0.005;
      if (cause.bytes < kLeastShare * look.resident) continue;
      char share[16];
      std::snprintf(share, sizeof share, " %.0f%%", cause.bytes / look.resident * 100);
      const std::string text = " " + cause.name + share;
      if (line_columns != 0 && line_columns + text.size() + 3 > columns_) {
        legends_.push_back(std::move(legend));
        legend.clear();
        line_columns = 0;
      }
      legend.push_back({std::string(legend.empty() ? " " : "  ") + letter, WatchStyle::kCause, letter});
      legend.push_back({text});
      line_columns += text.size() + 3;
    }
    bar.push_back({std::string(width - used, ' ') + "]"});
    Add(std::move(bar), kBar);
    legends_.push_back(std::move(legend));
    for (WatchLine& line : legends_) Add(std::move(line), kLegend);
  }

  // A narrow page has one of the two, so that there is room for names.
  bool IsNarrow() const {
    constexpr size_t kWide = 56;
    return columns_ < kWide;
  }
  bool HasGrowth() const { return !IsNarrow() || state_.order != WatchOrder::kAllocated; }
  bool HasRate() const { return !IsNarrow() || state_.order == WatchOrder::kAllocated; }

  void AddHead() {
    const auto title = [this](const char* name, WatchOrder order) {
      return AlignRight(state_.order == order ? std::string(name) + "*" : name, kFigure);
    };
    Add({{title("live", WatchOrder::kLive) + (HasGrowth() ? title("growth", WatchOrder::kGrowth) : "") +
              (HasRate() ? "  " + title("allocated", WatchOrder::kAllocated) : "") + "   function",
          WatchStyle::kBold}},
        kStays);
  }

  void AddRows(size_t room, std::vector<WatchLine>* screen) const {
    const std::vector<WatchRow> rows = history_.Rows(state_.order);
    for (size_t i = 0; i < rows.size() && i < room; ++i) {
      const WatchRow& row = rows[i];
      const bool told = history_.seconds() > 0;
      const bool may_be_luck = told && row.growth > 0 && !row.is_certain;
      const std::string growth = !told ? "-" : row.growth == 0 ? "0" : Signed(row.growth);
      const std::string rate = !told ? "-" : row.rate == 0 ? "0" : HumanBytes(row.rate) + "/s";
      std::string figures = AlignRight(HumanBytes(row.live), kFigure);
      if (HasGrowth()) figures += AlignRight(growth, kFigure) + (may_be_luck ? "~" : " ");
      if (HasRate()) figures += AlignRight(rate, HasGrowth() ? kFigure + 1 : kFigure + 2);
      figures += HasRate() || !HasGrowth() ? "   " : "  ";
      const size_t used = ColumnsOf(figures);
      constexpr size_t kLeastName = 8;
      const std::string name =
          ShortenName(Printable(row.name), columns_ > used + kLeastName ? columns_ - used : kLeastName);
      screen->push_back(
          {{figures + name,
            may_be_luck && state_.order == WatchOrder::kGrowth ? WatchStyle::kDim : WatchStyle::kPlain}});
    }
  }

  WatchLine Footer() const {
    if (!state_.note.empty()) return {{" " + Printable(state_.note), WatchStyle::kBold}};
    std::string text = std::string(" q quit  g growth  l live  a allocated   by ") + NameOf(state_.order);
    if (history_.looks() != 0 && history_.seconds() > 0) text += " of " + Seconds(history_.seconds());
    return {{text}};
  }

  const WatchHistory& history_;
  const WatchState& state_;
  size_t rows_, columns_;
  std::vector<PlacedLine> lines_;
  std::vector<WatchLine> legends_;
};

// Foregrounds that can be told apart on black and on white.
int ColourOf(char cause) {
  switch (cause) {
    case 'L':
      return 32;  // green
    case 's':
    case 'd':
    case 'c':
      return 33;  // yellow: free, and not given back
    case 'r':
    case 'a':
      return 36;
    case 'M':
    case 'S':
    case 't':
      return 35;
    case 'F':
    case 'm':
      return 34;
    default:
      return 31;
  }
}

}  // namespace

std::string Sparkline(const std::deque<double>& values, size_t columns, bool from_zero) {
  static constexpr std::array<const char*, 8> kBlocks = {"\u2581", "\u2582", "\u2583", "\u2584",
                                                         "\u2585", "\u2586", "\u2587", "\u2588"};
  static constexpr std::array<const char*, 8> kPlain = {"_", ".", "-", ":", "=", "+", "*", "#"};
  const auto& steps = ShowsUnicode() ? kBlocks : kPlain;
  const size_t count = std::min(values.size(), columns);
  const auto first = values.end() - static_cast<std::ptrdiff_t>(count);
  if (count == 0) return "";
  const double high = *std::max_element(first, values.end());
  constexpr double kLeastRange = 0.05;
  const double lowest = from_zero ? 0 : *std::min_element(first, values.end());
  const double low = std::min(lowest, high * (1 - kLeastRange));
  std::string line;
  for (auto at = first; at != values.end(); ++at) {
    const double share = high > low ? (*at - low) / (high - low) : 0;
    const double step = std::floor(std::min(std::max(share, 0.0), 1.0) * static_cast<double>(steps.size()));
    line += steps[std::min(static_cast<size_t>(step), steps.size() - 1)];
  }
  return line;
}

std::vector<WatchLine> WatchScreen(const WatchHistory& history, const WatchState& state, size_t rows,
                                   size_t columns) {
  return Screen(history, state, rows, columns).Make();
}

std::string WatchLineText(const WatchLine& line, bool colours, size_t columns) {
  std::string text;
  for (const WatchPiece& piece : line) {
    if (piece.text.empty()) continue;
    if (!colours || piece.style == WatchStyle::kPlain) {
      text += piece.text;
      continue;
    }
    const std::string begin = piece.style == WatchStyle::kBold    ? "1"
                              : piece.style == WatchStyle::kDim   ? "2"
                              : piece.style == WatchStyle::kTitle ? "7"
                                                                  : std::to_string(ColourOf(piece.cause));
    text += "\033[" + begin + "m" + piece.text + "\033[0m";
  }
  const size_t used = Columns(line);
  return used < columns ? text + std::string(columns - used, ' ') : text;
}

}  // namespace heapprof::tools
