// SPDX-License-Identifier: Apache-2.0
// What `heapprof diff` prints.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/terminal.h"
#include "tools/names/display_name.h"
#include "tools/report/diff.h"
#include "tools/report/report.h"

namespace heapprof::tools {
namespace {

double Change(const DiffLine& line) { return static_cast<double>(line.now - line.base); }

std::string Signed(double value, std::string_view unit) {
  return (value > 0 ? "+" : "") + HumanValue(value, unit);
}

// "p 0.0003", and whether that is significant.
std::string Verdict(const DiffLine& line) {
  const double luck = Change(line) >= 0 ? line.luck : line.shrink_luck;
  char text[64];
  std::snprintf(text, sizeof text, luck < 1e-4 ? "%.0e" : "%.4f", luck);
  return std::string(line.grew ? "grew" : line.shrank ? "shrank" : "noise") + " p " + text;
}

Colour ColourOf(const DiffLine& line) {
  return line.grew ? Colour::kRed : line.shrank ? Colour::kGreen : Colour::kDim;
}

// Which columns a page has, and how wide the names are.
class DiffPage {
 public:
  DiffPage(std::string_view unit, bool sampled) : unit_(unit), sampled_(sampled), columns_(OutputColumns()) {
    constexpr size_t kMinForLimits = 90;
    limits_ = sampled && columns_ >= kMinForLimits;
  }

  void Heading() const { Print("flat", "cum", "95 % limits of cum", "new", "", "function", Colour::kBold); }
  // `flat`: what the function's own change is; "" for what is no function.
  void Line(const DiffLine& line, const std::string& flat, const std::string& name) const {
    const std::string limits =
        "[" + Signed(line.limits.low, unit_) + ", " + Signed(line.limits.high, unit_) + "]";
    Print(flat, Signed(Change(line), unit_), limits, HumanValue(static_cast<double>(line.now), unit_),
          sampled_ ? Verdict(line) : "", name, ColourOf(line));
  }
  void Function(const DiffLine& line, const std::string& name) const {
    const double flat = static_cast<double>(line.flat_now - line.flat_base);
    Line(line, Signed(flat, unit_), name);
  }

 private:
  void Print(const std::string& flat, const std::string& cum, const std::string& limits,
             const std::string& now, const std::string& verdict, const std::string& name,
             Colour colour) const {
    char figures[160];
    std::snprintf(figures, sizeof figures, "%11s %11s ", flat.c_str(), cum.c_str());
    std::string text = figures;
    if (limits_) {
      std::snprintf(figures, sizeof figures, "%-25s ", limits.c_str());
      text += figures;
    }
    std::snprintf(figures, sizeof figures, "%10s  ", now.c_str());
    text += figures;
    if (sampled_) {
      std::snprintf(figures, sizeof figures, "%-15s ", verdict.c_str());
      text += figures;
    }
    text += ShortenName(name, columns_ > text.size() ? columns_ - text.size() : 1);
    std::printf("%s\n", Coloured(text, colour).c_str());
  }

  std::string_view unit_;
  bool sampled_, limits_ = false;
  size_t columns_;
};

// The forms that `top` shows; functions that would read the same keep their parameters, else have their
// place.
std::vector<std::string> ShownNames(const std::vector<DiffLine>& functions, Granularity granularity) {
  const bool is_function = granularity == Granularity::kFunction || granularity == Granularity::kName;
  std::vector<std::string> names, signatures;
  std::map<std::string, size_t> same, same_signature;
  for (const DiffLine& line : functions) {
    const std::string& name = line.frames[0].name;
    names.push_back(is_function ? DisplayName(name) : name);
    signatures.push_back(is_function ? DisplaySignature(name) : name);
    ++same[names.back()];
    ++same_signature[signatures.back()];
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& place = functions[i].frames[0].place;
    if (same[names[i]] > 1) {
      const bool told = place.empty() || same_signature[signatures[i]] == 1;
      const std::string shown = place.empty() || place[0] == '[' ? place : std::string(BaseName(place));
      names[i] = told ? signatures[i] : names[i] + DiffFrame::Suffix(shown);
    }
    names[i] = Printable(names[i]);
  }
  return names;
}

// What was folded in either: wrappers of the new profile first.
std::vector<std::string> FoldedNames(const View& base, const View& now) {
  std::vector<std::string> names = now.folded().names;
  for (const std::string& name : base.folded().names) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::string JsonLine(const DiffLine& line, bool sampled) {
  std::string out = "\"base\": " + Decimal(line.base) + ", \"new\": " + Decimal(line.now) +
                    ", \"growth\": " + Decimal(line.now - line.base);
  if (sampled) {
    char luck[64];
    std::snprintf(luck, sizeof luck, ", \"p\": %.6g, \"p_shrank\": %.6g", line.luck, line.shrink_luck);
    out += ", \"growth_low\": " + JsonNumber(line.limits.low) +
           ", \"growth_high\": " + JsonNumber(line.limits.high) + luck;
  }
  return out + ", \"grew\": " + (line.grew ? "true" : "false") +
         ", \"shrank\": " + (line.shrank ? "true" : "false");
}

void PrintJson(const Diff& diff, const View& base, const View& now, size_t limit, bool growth) {
  std::string folded;
  for (const std::string& name : FoldedNames(base, now)) {
    folded += (folded.empty() ? "" : ", ") + JsonString(name);
  }
  std::printf(
      "{\"base\": %s, \"new\": %s, \"type\": %s, \"unit\": %s, \"one_process\": %s, \"tested\": %zu, "
      "\"significant_growth\": %s, \"folded\": [%s],\n \"total\": {%s}",
      JsonString(base.file()).c_str(), JsonString(now.file()).c_str(), JsonString(now.type_name()).c_str(),
      JsonString(now.unit()).c_str(), diff.one_process ? "true" : "false", diff.family,
      growth ? "true" : "false", folded.c_str(), JsonLine(diff.total, diff.sampled).c_str());
  const auto list = [&](const char* name, const std::vector<DiffLine>& lines) {
    std::printf(",\n \"%s\": [", name);
    const size_t count = limit == 0 ? lines.size() : std::min(limit, lines.size());
    for (size_t i = 0; i < count; ++i) {
      std::string frames;
      for (const DiffFrame& frame : lines[i].frames) {
        frames += (frames.empty() ? "" : ", ") + JsonString(frame.Text());
      }
      const std::string flat = &lines != &diff.functions
                                   ? ""
                                   : ", \"flat_base\": " + Decimal(lines[i].flat_base) +
                                         ", \"flat_new\": " + Decimal(lines[i].flat_now);
      std::printf("%s\n  {\"frames\": [%s], %s%s}", i == 0 ? "" : ",", frames.c_str(),
                  JsonLine(lines[i], diff.sampled).c_str(), flat.c_str());
    }
    std::printf("]");
  };
  list("functions", diff.functions);
  list("stacks", diff.stacks);
  std::printf("}\n");
}

void PrintText(const Diff& diff, const View& base, const View& now, Granularity granularity, size_t limit) {
  const std::string_view unit = now.unit();
  const auto say = [](const std::string& text) {
    std::printf("%s\n", Wrapped(text, OutputColumns()).c_str());
  };
  say(Printable(base.file()) + " -> " + Printable(now.file()) + ", " + Printable(now.type_name()) + ": " +
      HumanValue(static_cast<double>(diff.total.base), unit) + " -> " +
      HumanWithUnit(static_cast<double>(diff.total.now), unit));
  if (diff.sampled) {
    char level[32];
    std::snprintf(level, sizeof level, "%g %%", kDiffLevel * 100);
    say(std::string(
            diff.tells_between ? "two dumps of one process: what came and went in between is uncertain"
            : diff.one_process ? "one process, no count of what came and went: both counts are uncertain"
                               : "two processes: both counts are uncertain") +
        "; significant together at " + level + ", of " + Counted(diff.family, "line") + " that could be");
  } else {
    say("not sampled: every difference is certain");
  }
  const std::string folded = FoldedText({FoldedNames(base, now)}, OutputColumns());
  if (!folded.empty()) std::printf("%s\n", Printable(folded).c_str());
  const DiffPage page(unit, diff.sampled);
  page.Heading();
  page.Line(diff.total, "", "total");
  const std::vector<std::string> names = ShownNames(diff.functions, granularity);
  size_t shown = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    const DiffLine& line = diff.functions[i];
    if (limit != 0 && shown == limit) break;
    if (line.base == line.now && line.flat_base == line.flat_now) continue;
    page.Function(line, names[i]);
    ++shown;
  }
  // A stack is many lines: only those that are no noise are worth the room.
  shown = 0;
  for (const DiffLine& line : diff.stacks) {
    if (!line.grew && !line.shrank) continue;
    if (limit != 0 && shown++ == limit) break;
    std::printf("\n");
    page.Line(line, "", "this stack");
    for (const DiffFrame& frame : line.frames) std::printf("%12s%s\n", "", Printable(frame.Text()).c_str());
    if (line.frames.empty()) std::printf("%12s[no stack]\n", "");
  }
}

// Stacks are matched by names: with names on one side only, each would seem to end here and to begin there.
void WarnOfNames(const View& base, const View& now) {
  constexpr double kMany = 0.3;
  const double before = NamedShare(base.profile()), after = NamedShare(now.profile());
  if ((before < kFewNames && after > kMany) || (after < kFewNames && before > kMany)) {
    Tell("warning: " + Printable(before < after ? base.file() : now.file()) +
         " has no names and the other profile has: symbolize it, or their stacks do not match");
  }
}

}  // namespace

int RunDiff(const DiffRequest& request) {
  if (request.base == "-" && request.now == "-") throw Failure("diff: both profiles are standard input");
  ViewOptions options = request.view;
  // What behaves as a wrapper in one profile may not in the other, and stacks are matched by their frames.
  options.fold_by_behaviour = false;
  const View base(std::vector<std::string>{request.base}, options);
  options.type = base.type_name();  // the default of the new one may be another
  const View now(std::vector<std::string>{request.now}, options);
  WarnOfNames(base, now);
  const Diff diff = MakeDiff(base, now, request.granularity, request.order);
  // What a growth must surely exceed.
  const auto fails = [&](const DiffLine& line) {
    const double least = diff.sampled ? line.limits.low : Change(line);
    return line.grew && (request.least_growth <= 0 || least >= request.least_growth);
  };
  size_t functions = 0, stacks = 0;
  for (const DiffLine& line : diff.functions) functions += fails(line) ? 1 : 0;
  for (const DiffLine& line : diff.stacks) stacks += fails(line) ? 1 : 0;
  const bool growth = fails(diff.total) || functions > 0 || stacks > 0;
  if (request.json) {
    PrintJson(diff, base, now, request.limit, growth);
  } else {
    PrintText(diff, base, now, request.granularity, request.limit);
    const std::string more =
        request.least_growth > 0 ? " of " + HumanWithUnit(request.least_growth, now.unit()) + " or more" : "";
    if (growth) {
      std::printf("\ngrowth%s: %s, %s%s\n", more.c_str(), Counted(functions, "function").c_str(),
                  Counted(stacks, "stack").c_str(), fails(diff.total) ? ", and the total" : "");
    } else {
      std::printf("\nno significant growth%s\n", more.c_str());
    }
  }
  return request.fail_on_growth && growth ? kStatusNo : kStatusGood;
}

}  // namespace heapprof::tools
