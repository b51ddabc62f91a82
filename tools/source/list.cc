// SPDX-License-Identifier: Apache-2.0
#include "tools/source/list.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/terminal.h"
#include "tools/command/add_option.h"
#include "tools/names/display_name.h"
#include "tools/profile/frames.h"
#include "tools/report/report.h"
#include "tools/report/report_commands.h"
#include "tools/source/listing.h"

namespace heapprof::tools {
namespace {

using InlinedLine = decltype(ListedLine::inlined)::value_type;

double ToDouble(Sum value) { return static_cast<double>(value); }

// The calls that the compiler put into a line, the largest first.
std::vector<const InlinedLine*> Sorted(const ListedLine& line) {
  std::vector<const InlinedLine*> calls;
  for (const InlinedLine& call : line.inlined) calls.push_back(&call);
  std::stable_sort(calls.begin(), calls.end(), [](const InlinedLine* a, const InlinedLine* b) {
    return a->second.figure.cum > b->second.figure.cum;
  });
  return calls;
}

// The lines of `function` that are shown: those that hold something, `context` around each, and the head of
// the function where it is near. 0 stands for what has no line.
std::set<int64_t> ShownLines(const ListedFunction& function, int64_t line_count, int64_t context) {
  constexpr int64_t kNear = 20;
  std::set<int64_t> shown;
  for (const auto& [number, line] : function.lines) {
    shown.insert(number);
    if (number <= 0 || number > line_count) continue;
    int64_t from = number - context;
    if (function.start_line > 0) {
      const bool is_near = function.start_line <= number && number - function.start_line <= kNear;
      if (is_near) from = function.start_line;
    }
    const int64_t to = std::min(line_count, number + context);
    for (int64_t at = std::max<int64_t>(from, 1); at <= to; ++at) shown.insert(at);
  }
  return shown;
}

class TextPrinter {
 public:
  explicit TextPrinter(const View& view) : view_(view) {}

  void Heading() const {
    PrintHeading(view_);
    char text[96];
    std::snprintf(text, sizeof text, "%10s %10s%s %6s  source", "flat", "cum",
                  view_.estimator().sampled() ? " 95 % limits of cum    " : "", "line");
    std::printf("%s\n", Coloured(text, Colour::kBold).c_str());
  }

  void Print(const ListedFunction& function, const std::vector<std::string>& text, size_t context) const {
    const Figure& figure = function.figure;
    const std::string limits = LimitsText(view_, figure.cum, figure.cum_uncertainty);
    const std::string heading = Printable(DisplayName(function.name)) +
                                (function.file.empty() ? "" : " in " + Printable(function.file)) + ": flat " +
                                Human(figure.flat) + ", cum " + Human(figure.cum) +
                                (limits.empty() ? "" : " " + limits) + ", " +
                                Percent(ToDouble(figure.cum), ToDouble(view_.total())) + " of all";
    std::printf("\n%s\n", Coloured(Wrapped(heading, OutputColumns()), Colour::kBold).c_str());
    int64_t last = 0;
    for (const int64_t number :
         ShownLines(function, static_cast<int64_t>(text.size()), static_cast<int64_t>(context))) {
      if (last != 0 && number != last + 1) std::printf("%*s\n", FigureColumns() + 7, "...");
      last = number;
      const auto at = static_cast<size_t>(number);
      const std::string source = number == 0         ? "(no line is known)"
                                 : at <= text.size() ? Printable(text[at - 1])
                                                     : "";
      const auto held = function.lines.find(number);
      const std::string figures =
          held == function.lines.end() ? std::string(FigureColumns(), ' ') : Figures(held->second.figure);
      const std::string line =
          figures + (number == 0 ? "      ?" : Number(number)) + (source.empty() ? "" : "  " + source);
      if (held == function.lines.end()) {
        std::printf("%s\n", Coloured(line, Colour::kDim).c_str());
      } else {
        std::printf("%s\n", line.c_str());
        PrintInlined(held->second);
      }
    }
  }

 private:
  static constexpr int kLimitColumns = 23;

  std::string Human(Sum value) const { return HumanValue(ToDouble(value), view_.unit()); }
  int FigureColumns() const { return 21 + (view_.estimator().sampled() ? kLimitColumns : 0); }
  static std::string Number(int64_t number) {
    char text[32];
    std::snprintf(text, sizeof text, " %6lld", static_cast<long long>(number));
    return text;
  }
  std::string Figures(const Figure& figure) const {
    char text[48];
    std::snprintf(text, sizeof text, "%10s %10s", figure.flat == 0 ? "." : Human(figure.flat).c_str(),
                  Human(figure.cum).c_str());
    std::string line = text;
    if (view_.estimator().sampled()) {
      std::string limits = " " + LimitsText(view_, figure.cum, figure.cum_uncertainty);
      limits.resize(std::max<size_t>(limits.size(), kLimitColumns), ' ');
      line += limits;
    }
    return line;
  }
  // Deeper calls stand further to the right. Of a chain that only hands on, the ends are shown.
  void PrintInlined(const ListedLine& line) const {
    struct Visit {
      const InlinedLine* call;
      int depth, left_out;
    };
    std::vector<Visit> left;
    const auto add = [&](const ListedLine& of, int depth, int left_out) {
      const std::vector<const InlinedLine*> calls = Sorted(of);
      for (size_t i = calls.size(); i-- > 0;) left.push_back({calls[i], depth, left_out});
    };
    add(line, 1, 0);
    while (!left.empty()) {
      const Visit visit = left.back();
      left.pop_back();
      const auto& [name, file, number] = visit.call->first;
      std::string text = visit.left_out == 0 ? "" : "... " + std::to_string(visit.left_out) + " more > ";
      const size_t used = static_cast<size_t>(FigureColumns() + 11 + 2 * visit.depth) + text.size();
      const size_t columns = OutputColumns();
      text += name.empty() ? "?" : ShortenName(DisplayName(name), columns > used ? columns - used : 1);
      if (!file.empty()) text += "  " + std::string(BaseName(file)) + ":" + std::to_string(number);
      std::printf("%s%*s> %s\n", Figures(visit.call->second.figure).c_str(), 7 + 2 * visit.depth, "",
                  Printable(text).c_str());
      const ListedLine* last = &visit.call->second;
      int left_out = 0;
      while (HandsOn(*last) && HandsOn(last->inlined.begin()->second)) {
        last = &last->inlined.begin()->second;
        ++left_out;
      }
      add(*last, visit.depth + 1, left_out);
    }
  }
  // Whether all of it is one inlined call's.
  static bool HandsOn(const ListedLine& line) {
    return line.inlined.size() == 1 && line.inlined.begin()->second.figure.cum == line.figure.cum;
  }

  const View& view_;
};

class JsonPrinter {
 public:
  explicit JsonPrinter(const View& view) : view_(view) {}

  void Print(const ListedFunction& function, const std::vector<std::string>& text) const {
    std::printf("{\"name\": %s, \"file\": %s, \"start_line\": %lld, %s, \"lines\": [",
                JsonString(function.name).c_str(), JsonString(function.file).c_str(),
                static_cast<long long>(function.start_line), Figures(function.figure).c_str());
    const char* comma = "";
    for (const auto& [number, line] : function.lines) {
      const auto at = static_cast<size_t>(number);
      std::printf("%s\n    {\"line\": %lld, ", comma, static_cast<long long>(number));
      if (number > 0 && at <= text.size()) std::printf("\"source\": %s, ", JsonString(text[at - 1]).c_str());
      std::printf("%s, \"inlined\": [", Figures(line.figure).c_str());
      comma = ",";
      PrintInlined(line);
      std::printf("]}");
    }
    std::printf("]}");
  }

 private:
  std::string Figures(const Figure& figure) const {
    return JsonFigure(view_, "flat", figure.flat, figure.flat_uncertainty) + ", " +
           JsonFigure(view_, "cum", figure.cum, figure.cum_uncertainty);
  }
  // Each with its depth, as `tree` has it: a reader's recursion is not deepened.
  void PrintInlined(const ListedLine& line) const {
    std::vector<std::pair<const InlinedLine*, int>> left;
    const auto add = [&](const ListedLine& of, int depth) {
      const std::vector<const InlinedLine*> calls = Sorted(of);
      for (size_t i = calls.size(); i-- > 0;) left.emplace_back(calls[i], depth);
    };
    add(line, 0);
    for (const char* comma = ""; !left.empty(); comma = ",") {
      const auto [call, depth] = left.back();
      left.pop_back();
      const auto& [name, file, number] = call->first;
      std::printf("%s\n      {\"depth\": %d, \"name\": %s, \"file\": %s, \"line\": %lld, %s}", comma, depth,
                  JsonString(name).c_str(), JsonString(file).c_str(), static_cast<long long>(number),
                  Figures(call->second.figure).c_str());
      add(call->second, depth + 1);
    }
  }

  const View& view_;
};

}  // namespace

void List(const ListRequest& request) {
  ViewOptions options = request.view;
  options.keep = request.regex;  // what is looked for must not be folded
  const View view(request.files, options);
  TellOfView(view, Granularity::kFunction);
  const std::vector<ListedFunction> functions = ListFunctions(view, request.regex);
  const size_t limit = request.limit == 0 ? functions.size() : std::min(request.limit, functions.size());
  SourceFiles sources(request.source);
  // As `peek` has it; a program is given an empty list.
  if (functions.empty() && !request.json && NamedShare(view.profile()) >= kFewNames) {
    throw Failure("list: no function of " + Printable(view.file()) + " that holds anything matches " +
                  Printable(request.regex));
  }
  if (request.json) {
    std::printf("{%s, \"functions\": [", JsonHeading(view).c_str());
    for (size_t i = 0; i < limit; ++i) {
      std::printf("%s\n  ", i == 0 ? "" : ",");
      JsonPrinter(view).Print(functions[i], sources.Find(functions[i].file).lines);
    }
    std::printf("\n]}\n");
  } else {
    const TextPrinter printer(view);
    printer.Heading();
    for (size_t i = 0; i < limit; ++i) {
      printer.Print(functions[i], sources.Find(functions[i].file).lines, request.context);
    }
    if (limit < functions.size()) {
      std::printf("\n... and %s; --limit 0 shows all\n",
                  Counted(functions.size() - limit, "more function").c_str());
    }
  }
  TellOfSources(sources, view.profile().header.time_nanos);
}

void AddListCommand(Command app) {
  auto request = std::make_shared<ListRequest>();
  Command command = app->add_subcommand("list", "The source lines of functions, with what they hold");
  command->add_option("REGEX", request->regex, "An expression for the function's name")->required();
  command
      ->add_option("FILE", request->files,
                   "The profile; - is standard input; several add up, of a folder or a list @FILE, too")
      ->required()
      ->take_all();
  AddViewOptions(command, &request->view);
  AddSumOption(command, &request->view.load);
  AddColourOption(command);
  AddSourceOptions(command, &request->source);
  AddNumberOption(command, "--context", &request->context,
                  "Lines around each that holds something (default 4)");
  AddNumberOption(command, "--limit", &request->limit, "Functions to show; 0 = all, as by default");
  command->add_flag("--json", request->json, "JSON instead of text");
  command->callback([request] { List(*request); });
}

}  // namespace heapprof::tools
