// SPDX-License-Identifier: Apache-2.0
#include "tools/report/growth_report.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/terminal.h"
#include "tools/names/display_name.h"
#include "tools/profile/load.h"
#include "tools/report/report.h"

namespace heapprof::tools {
namespace {

constexpr const char* kWindows[] = {"1m", "10m", "1h", "1d"};
constexpr const char* kSpoken[] = {"minute", "ten minutes", "hour", "day"};
constexpr size_t kWindowCount = 4;

// A heap profile of the types alloc_space and inuse_space with these values.
Profile WithValues(const Profile& growth, std::vector<int64_t> values) {
  Profile out = growth;
  auto& strings = out.header.strings;
  const auto add = [&](const char* text) {
    strings.Add(text);
    return static_cast<int64_t>(strings.size() - 1);
  };
  const int64_t bytes = add("bytes");
  out.header.sample_types.resize(2);
  out.header.sample_types[0] = {add("alloc_space"), bytes};
  out.header.sample_types[1] = {add("inuse_space"), bytes};
  out.header.default_sample_type = out.header.sample_types[1].type;
  out.values = std::move(values);
  return out;
}

// The heap at the begin of a window, and now. Allocations are counted from the begin on.
struct Two {
  Profile base, now;
};
Two Split(const Profile& growth, size_t window) {
  const std::string name = kWindows[window];
  const size_t grown = FindSampleType(growth, "growth_" + name),
               freed = FindSampleType(growth, "freed_" + name),
               in_use = FindSampleType(growth, "inuse_space");
  std::vector<int64_t> base, now;
  for (size_t i = 0; i < growth.samples.size(); ++i) {
    const Range<int64_t> values = growth.values_of(i);
    const int64_t before = values[in_use] - values[grown];
    base.insert(base.end(), {before, before});
    now.insert(now.end(), {before + values[grown] + values[freed], values[in_use]});
  }
  return {WithValues(growth, std::move(base)), WithValues(growth, std::move(now))};
}

// What is named: functions that asked for more themselves, with what they call, and stacks.
template <typename Use>
size_t ForEachGrown(const std::vector<DiffLine>& lines, bool functions, Use use) {
  size_t count = 0;
  for (const DiffLine& line : lines) {
    if (!line.grew || (functions && line.flat_now <= line.flat_base)) continue;
    use(line, count++);
  }
  return count;
}

std::string FunctionName(const DiffFrame& frame) {
  const std::string name = DisplayName(frame.name);
  return frame.place.empty() ? name : name + " (" + frame.place + ")";
}

double Change(const DiffLine& line) { return static_cast<double>(line.now - line.base); }

std::string Signed(double bytes) { return (bytes > 0 ? "+" : "") + HumanValue(bytes, "bytes"); }

std::string Limits(const DiffLine& line, bool sampled) {
  if (!sampled) return "certain";
  return "[" + Signed(line.limits.low) + ", " + Signed(line.limits.high) + "]";
}

std::string Duration(double seconds) {
  char text[32];
  if (seconds < 120) {
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  } else if (seconds < 7200) {
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  } else {
    std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  }
  return text;
}

size_t PrintWindow(const GrowthWindow& window, size_t index, const GrowthRequest& request) {
  if (window.from_start) {
    std::printf("last %s: the process is %s old\n", kSpoken[index], Duration(window.seconds).c_str());
    return 0;
  }
  const Diff& diff = window.diff;
  std::printf("last %s (%s): %s in all %s\n", kSpoken[index], Duration(window.seconds).c_str(),
              Signed(Change(diff.total)).c_str(), Limits(diff.total, diff.sampled).c_str());
  const auto is_shown = [&](size_t i) { return request.limit == 0 || i < request.limit; };
  size_t grown = ForEachGrown(diff.functions, true, [&](const DiffLine& line, size_t i) {
    if (!is_shown(i)) return;
    std::printf("%s\n", Coloured("  " + Signed(Change(line)) + " " + Limits(line, diff.sampled) + "  " +
                                     Printable(FunctionName(line.frames[0])),
                                 Colour::kRed)
                            .c_str());
  });
  grown += ForEachGrown(diff.stacks, false, [&](const DiffLine& line, size_t i) {
    if (!is_shown(i)) return;
    std::printf("  %s %s  this stack\n", Signed(Change(line)).c_str(), Limits(line, diff.sampled).c_str());
    for (const DiffFrame& frame : line.frames) std::printf("      %s\n", Printable(frame.Text()).c_str());
    if (line.frames.empty()) std::printf("      [no stack]\n");
  });
  return grown;
}

std::string JsonLine(const DiffLine& line) {
  std::string frames;
  for (const DiffFrame& frame : line.frames)
    frames += (frames.empty() ? "" : ", ") + JsonString(frame.Text());
  char luck[32];
  std::snprintf(luck, sizeof luck, "%.3g", line.luck);
  return "{\"frames\": [" + frames + "], \"growth\": " + JsonNumber(Change(line)) +
         ", \"growth_low\": " + JsonNumber(line.limits.low) +
         ", \"growth_high\": " + JsonNumber(line.limits.high) + ", \"p\": " + luck + "}";
}

size_t PrintJson(const std::vector<GrowthWindow>& windows, const GrowthRequest& request) {
  size_t grown = 0;
  std::printf("{\"file\": %s, \"windows\": [", JsonString(request.file).c_str());
  for (size_t i = 0; i < windows.size(); ++i) {
    const GrowthWindow& window = windows[i];
    std::printf("%s\n {\"window\": %s, \"seconds\": %.0f, \"from_start\": %s", i == 0 ? "" : ",",
                JsonString(window.name).c_str(), window.seconds, window.from_start ? "true" : "false");
    if (!window.from_start) {
      std::printf(", \"total\": %s", JsonLine(window.diff.total).c_str());
      const auto list = [&](const char* name, const std::vector<DiffLine>& lines, bool functions) {
        std::printf(", \"%s\": [", name);
        grown += ForEachGrown(lines, functions, [&](const DiffLine& line, size_t at) {
          if (request.limit == 0 || at < request.limit)
            std::printf("%s\n  %s", at == 0 ? "" : ",", JsonLine(line).c_str());
        });
        std::printf("]");
      };
      list("functions", window.diff.functions, true);
      list("stacks", window.diff.stacks, false);
    }
    std::printf("}");
  }
  std::printf("], \"significant_growth\": %s}\n", grown != 0 ? "true" : "false");
  return grown;
}

}  // namespace

std::vector<GrowthWindow> FindGrowth(const std::string& file, const Profile& profile,
                                     const ViewOptions& options, Granularity granularity) {
  std::vector<GrowthWindow> windows;
  for (size_t i = 0; i < kWindowCount; ++i) {
    GrowthWindow window;
    window.name = kWindows[i];
    const std::string comment(CommentValue(profile, "growth-" + window.name));
    if (comment.empty()) {
      throw Failure(Printable(file) +
                    " is no profile of growth: heapprof dump --profile growth PID asks for one");
    }
    window.seconds = std::atof(comment.c_str());
    window.from_start = comment.find("since the start") != std::string::npos;
    if (!window.from_start) {
      ViewOptions both = options;
      both.type = "inuse_space";
      both.fold_by_behaviour = false;
      Two two = Split(profile, i);
      const View base(file, std::move(two.base), both), now(file, std::move(two.now), both);
      window.diff = MakeDiff(base, now, granularity, Order::kFlat, kGrowthLevel / kWindowCount);
    }
    windows.push_back(std::move(window));
  }
  return windows;
}

int RunGrowth(const GrowthRequest& request) {
  const Profile profile = LoadNamedProfile(request.file, request.view.load);
  const std::vector<GrowthWindow> windows =
      FindGrowth(request.file, profile, request.view, request.granularity);
  size_t grown = 0;
  if (request.json) {
    grown = PrintJson(windows, request);
  } else {
    for (size_t i = 0; i < windows.size(); ++i) grown += PrintWindow(windows[i], i, request);
    const bool too_young = std::all_of(windows.begin(), windows.end(),
                                       [](const GrowthWindow& window) { return window.from_start; });
    std::printf(too_young ? "too young to tell: after a start everything has grown; ask again after 90 s\n"
                : grown == 0
                    ? "nothing grew for certain\n"
                    : "what is named grew for certain: all of it together is luck once in 1,000 times\n");
  }
  return request.fail_on_growth && grown != 0 ? kStatusNo : kStatusGood;
}

}  // namespace heapprof::tools
