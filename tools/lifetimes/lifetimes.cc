// SPDX-License-Identifier: Apache-2.0
#include "tools/lifetimes/lifetimes.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/terminal.h"
#include "tools/command/add_option.h"
#include "tools/command/values.h"
#include "tools/dump/asked_profile.h"
#include "tools/lifetimes/lifetime_rows.h"
#include "tools/report/report.h"
#include "tools/report/report_commands.h"

namespace heapprof::tools {
namespace {

constexpr size_t kFigure = 10, kShare = 6, kAge = 9;  // columns

struct LifetimesRequest {
  AskedProfile asked;
  ViewOptions view;
  std::string by;  // "": rows are stacks
  Granularity granularity = Granularity::kFunction;
  bool json = false;
  size_t limit = 20, callers = 4;  // 0 = all
};

double ToDouble(Sum value) { return static_cast<double>(value); }

std::string Bytes(Sum value) { return HumanBytes(ToDouble(value)); }

std::string Share(Sum part, Sum whole) {
  if (whole <= 0) return "";
  char text[16];
  const double percent = 100 * ToDouble(part) / ToDouble(whole);
  std::snprintf(text, sizeof text, percent > 0 && percent < 0.95 ? "%.1f%%" : "%.0f%%", percent);
  return text;
}

// "111 ms", "3.2 s", "12 min", "5.0 h", "9.1 d".
std::string Age(double nanos) {
  static constexpr struct {
    double nanos;
    const char* unit;
  } kUnits[] = {{86400e9, "d"}, {3600e9, "h"}, {60e9, "min"}, {1e9, "s"},
                {1e6, "ms"},    {1e3, "us"},   {1, "ns"}};
  for (const auto& unit : kUnits) {
    // Minutes are for what has some of them.
    if (nanos < unit.nanos * (unit.nanos == 60e9 ? 2 : 1) && unit.nanos > 1) continue;
    char text[32];
    const double value = nanos / unit.nanos;
    std::snprintf(text, sizeof text, value < 9.95 ? "%.1f %s" : "%.0f %s", value, unit.unit);
    return text;
  }
  return "";
}

// A column for each decade, as high as its share of `whole`; in tenths where there is no Unicode.
std::string Histogram(const Sum* by_class, Sum whole) {
  static constexpr const char* kHeights[] = {"\u00b7", "\u2581", "\u2582", "\u2583", "\u2584",
                                             "\u2585", "\u2586", "\u2587", "\u2588"};
  std::string text;
  for (size_t i = 0; i < kDecades; ++i) {
    const double share = whole > 0 ? std::clamp(ToDouble(by_class[i]) / ToDouble(whole), 0.0, 1.0) : 0;
    if (ShowsUnicode()) {
      text += kHeights[static_cast<size_t>(std::ceil(share * 8))];
    } else {
      constexpr char kTenths[] = ".123456789X";
      text += kTenths[static_cast<size_t>(std::ceil(share * 10))];
    }
  }
  return text;
}

std::string InWords(const Sum* by_class, Sum whole) {
  std::string text;
  for (size_t i = 0; i < kLifetimeClasses; ++i) {
    if (by_class[i] <= 0) continue;
    text += (text.empty() ? "" : ", ") + std::string(kLifetimes[i]) + " " + Share(by_class[i], whole);
  }
  return text;
}

class LifetimesPage {
 public:
  LifetimesPage(const FrameTable& frames, const LifetimesRequest& request,
                const std::vector<LifetimeRow>& rows)
      : names_(frames, NameForm::kDisplay, FramesOf(rows)), request_(request), columns_(OutputColumns()) {}

  std::string Heading() const {
    const std::string decades = ShowsUnicode() ? "1ms\u00b7\u00b7\u00b728h+" : "1ms...28h+";
    return Figures("freed", "temp", decades, "live", "mean age") + (request_.by.empty() ? "stack" : "name");
  }
  // Of one row, with its callers below.
  std::string Text(const LifetimeRow& row) const {
    const Lifetimes& of = row.lifetimes;
    std::string text = Figures(Bytes(of.freed_space), Share(of.temporary_space, of.freed_space),
                               Histogram(of.freed, of.freed_space), Bytes(of.live_space),
                               of.live_objects > 0 ? Age(of.MeanAge()) : "");
    constexpr size_t kLeastName = 20;
    const size_t used = ColumnsOf(text);
    text += row.frames.empty()
                ? "[no stack]"
                : names_.Of(row.frames[0], std::max(columns_ > used ? columns_ - used : 0, kLeastName));
    constexpr size_t kIndent = 6;
    const std::string indent(kIndent, ' ');
    const size_t callers = row.frames.empty() ? 0 : row.frames.size() - 1;
    const size_t shown = request_.callers == 0 ? callers : std::min(callers, request_.callers);
    const auto line = [&](const std::string& caller) {
      text += "\n" + Coloured(indent + caller, Colour::kDim);
    };
    for (size_t i = 1; i <= shown; ++i)
      line(names_.Of(row.frames[i], std::max(columns_ > kIndent ? columns_ - kIndent : 0, kLeastName)));
    if (shown < callers) line("... " + Counted(callers - shown, "more caller"));
    return text;
  }

 private:
  static std::vector<uint32_t> FramesOf(const std::vector<LifetimeRow>& rows) {
    std::vector<uint32_t> frames;
    for (const LifetimeRow& row : rows) frames.insert(frames.end(), row.frames.begin(), row.frames.end());
    return frames;
  }
  static std::string Figures(const std::string& freed, const std::string& temporary,
                             const std::string& decades, const std::string& live, const std::string& age) {
    return AlignRight(freed, kFigure) + AlignRight(temporary, kShare) + "  " + decades + " " +
           AlignRight(live, kFigure) + " " + AlignRight(age, kAge) + "  ";
  }

  RowNames names_;
  const LifetimesRequest& request_;
  size_t columns_;
};

std::string JsonOf(const Lifetimes& of) {
  const auto classes = [](const Sum* by_class) {
    std::string text = "{";
    for (size_t i = 0; i < kLifetimeClasses; ++i) {
      if (by_class[i] == 0) continue;
      text += (text.size() == 1 ? "" : ", ") + JsonString(kLifetimes[i]) + ": " + Decimal(by_class[i]);
    }
    return text + "}";
  };
  char age[32];
  std::snprintf(age, sizeof age, "%.9g", of.MeanAge() / 1e9);
  return "\"freed_objects\": " + Decimal(of.freed_objects) + ", \"freed_space\": " + Decimal(of.freed_space) +
         ", \"temporary_objects\": " + Decimal(of.temporary_objects) +
         ", \"temporary_space\": " + Decimal(of.temporary_space) +
         ", \"live_objects\": " + Decimal(of.live_objects) + ", \"live_space\": " + Decimal(of.live_space) +
         ", \"mean_age_seconds\": " + (of.live_objects > 0 ? age : "null") +
         ", \"freed_space_by_lifetime\": " + classes(of.freed) +
         ", \"live_space_by_age\": " + classes(of.live);
}

void PrintJson(const std::string& file, const FrameTable& frames, const Lifetimes& total,
               const std::vector<LifetimeRow>& rows) {
  std::printf("{\"file\": %s, \"total\": {%s}, \"rows\": [", JsonString(file).c_str(), JsonOf(total).c_str());
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string names;
    for (const uint32_t frame : rows[i].frames)
      names += (names.empty() ? "" : ", ") + JsonString(frames.UniqueName(frame));
    std::printf("%s\n  {\"frames\": [%s], %s}", i == 0 ? "" : ",", names.c_str(),
                JsonOf(rows[i].lifetimes).c_str());
  }
  std::printf("\n]}\n");
}

void PrintTotal(const View& view, const Lifetimes& total) {
  const auto note = [](const std::string& text) {
    std::printf("%s\n", Wrapped(text, OutputColumns()).c_str());
  };
  const auto blocks = [](Sum objects) { return Decimal(objects) + (objects == 1 ? " block" : " blocks"); };
  std::printf("%s\n", Printable(view.file()).c_str());
  note("freed " + Bytes(total.freed_space) + " in " + blocks(total.freed_objects) +
       (total.freed_space > 0 ? ", " + Share(total.temporary_space, total.freed_space) +
                                    " temporary, at the age of " + InWords(total.freed, total.freed_space)
                              : ""));
  note("live " + Bytes(total.live_space) + " in " + blocks(total.live_objects) +
       (total.live_space > 0
            ? ", mean age " + Age(total.MeanAge()) + ", " + InWords(total.live, total.live_space)
            : ""));
  const std::string folded = FoldedText(view.folded(), OutputColumns());
  if (!folded.empty()) std::printf("%s\n", folded.c_str());
}

void RunLifetimes(const LifetimesRequest& request) {
  AskedProfile asked = request.asked;
  asked.load = request.view.load;
  std::string file;
  Profile profile = LoadAskedProfile(asked, &file);
  ViewOptions options = request.view;
  // Refused below, with a better reason, where it is a profile of another kind.
  if (options.type.empty() && CommentValue(profile, "lifetimes").empty()) options.unfold = true;
  const View view(file, std::move(profile), options);
  const FrameTable frames(view.profile(), request.granularity);
  const LifetimeTable table(view, frames);
  TellIfWithoutNames(file, view.profile());
  std::vector<LifetimeRow> rows = table.Rows(!request.by.empty(), request.view.type);
  const size_t all = rows.size();
  if (request.limit != 0 && rows.size() > request.limit) rows.resize(request.limit);
  if (request.json) return PrintJson(file, frames, table.total(), rows);
  PrintTotal(view, table.total());
  const LifetimesPage page(frames, request, rows);
  std::printf("%s\n", Coloured(page.Heading(), Colour::kBold).c_str());
  for (const LifetimeRow& row : rows) std::printf("%s\n", page.Text(row).c_str());
  if (rows.size() < all)
    std::printf("... and %s; --limit 0 shows all\n", Counted(all - rows.size(), "more row").c_str());
  std::printf("%s\n",
              Wrapped("temp: freed by its thread before that allocated again. 1ms to 28h+: freed bytes by "
                      "lifetime, a column for each decade, the first for less than 1 ms",
                      OutputColumns())
                  .c_str());
}

}  // namespace

void AddLifetimesCommand(Command app) {
  auto request = std::make_shared<LifetimesRequest>();
  request->asked.dump.profile = "lifetimes";
  Command command = app->add_subcommand("lifetimes", "How long the blocks of each stack lived, by decades");
  command->add_option("FILE", request->asked.what, "A profile \"lifetimes\"; or a process")->required();
  AddViewOptions(command, &request->view);
  static const std::map<std::string, Granularity> kNames = {
      {"function", Granularity::kFunction}, {"name", Granularity::kName},     {"line", Granularity::kLine},
      {"file", Granularity::kFile},         {"module", Granularity::kModule}, {"type", Granularity::kName}};
  command
      ->add_option_function(
          "--by",
          [request = request.get()](const std::string& name) {
            request->by = name;
            request->granularity = kNames.at(name);
            request->view.by_type = name == "type";
          },
          "A row for each function, name, line, file, module, or C++ type asked for, instead of each stack")
      ->check(OneOf({"function", "name", "line", "file", "module", "type"}))
      ->option_text("WHAT");
  AddColourOption(command);
  command->add_flag("--json", request->json, "JSON instead of text");
  AddNumberOption(command, "--limit", &request->limit, "Rows to show (default 20); 0 = all");
  AddNumberOption(command, "--callers", &request->callers,
                  "Callers to show below each stack (default 4); 0 = all");
  command->add_flag("--keep", request->asked.keep,
                    "Leave the file that the process has written, and say its name");
  AddTimeoutOption(command, &request->asked.dump.timeout_seconds);
  command->callback([request] { RunLifetimes(*request); });
}

}  // namespace heapprof::tools
