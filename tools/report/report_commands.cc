// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report_commands.h"

#include <map>
#include <memory>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/size_text.h"
#include "tools/command/add_option.h"
#include "tools/command/values.h"
#include "tools/profile/sum.h"
#include "tools/report/diff.h"
#include "tools/report/growth_report.h"
#include "tools/report/naming_options.h"
#include "tools/report/report.h"
#include "tools/symbols/naming/symbolize.h"

namespace heapprof::tools {
namespace {

void AddGranularity(Command command, Granularity* granularity, ViewOptions* view) {
  static const std::map<std::string, Granularity> kNames = {
      {"function", Granularity::kFunction}, {"name", Granularity::kName},     {"line", Granularity::kLine},
      {"file", Granularity::kFile},         {"module", Granularity::kModule}, {"type", Granularity::kName}};
  command
      ->add_option_function(
          "--by",
          [granularity, view](const std::string& name) {
            *granularity = kNames.at(name);
            view->by_type = name == "type";
          },
          "What a frame is: function, name (all of one name), line, file, module, or the C++ type asked for")
      ->check(OneOf({"function", "name", "line", "file", "module", "type"}))
      ->option_text("WHAT");
}

using Report = void (*)(const ReportRequest&);

std::shared_ptr<ReportRequest> AddReport(Command app, const char* name, const char* what, Report report,
                                         Command* command) {
  // Lives as long as the callback that CLI11 keeps.
  auto request = std::make_shared<ReportRequest>();
  *command = app->add_subcommand(name, what);
  AddViewOptions(*command, &request->view);
  AddGranularity(*command, &request->granularity, &request->view);
  (*command)->add_flag("--json", request->json, "JSON instead of text");
  (*command)->add_flag_callback(
      "--long", [request = request.get()] { request->names = NameForm::kLong; },
      "Names as they are in the profile, with parameters and template arguments");
  (*command)->add_flag_callback(
      "--mangled", [request = request.get()] { request->names = NameForm::kMangled; },
      "Names as the linker knows them");
  (*command)->callback([request, report] { report(*request); });
  return request;
}

void AddFiles(Command command, std::vector<std::string>* files, const std::string& text) {
  command->add_option("FILE", *files, text)->required()->take_all();
}

void AddSymbolize(Command app) {
  auto request = std::make_shared<SymbolizeRequest>();
  Command command =
      app->add_subcommand("symbolize", "Put functions, files, lines and inlined functions into a profile");
  command->add_option("IN", request->in, "The profile; - is standard input")->required();
  command->add_option("-o,--output", request->out, "The file to write; - is standard output")
      ->required()
      ->option_text("FILE");
  AddNameSourceOptions(command, &request->options);
  command->add_flag("--quiet", request->options.quiet, "Say nothing of binaries that cannot be used");
  AddMaxSizeOption(command, &request->load);
  command->callback([request] { SymbolizeFile(*request); });
}

void AddMerge(Command app) {
  auto request = std::make_shared<MergeRequest>();
  Command command = app->add_subcommand("merge", "The sum of many profiles of one kind");
  AddFiles(command, &request->files, "The profiles, folders of them, or @FILE, a list; - is standard input");
  command->add_option("-o,--output", request->out, "The file to write; - is standard output")
      ->required()
      ->option_text("FILE");
  auto symbolize = std::make_shared<bool>(false);
  auto options = std::make_shared<SymbolizeOptions>();
  command->add_flag("--symbolize", *symbolize, "Put the names in, too");
  AddNameSourceOptions(command, options.get());
  AddMaxSizeOption(command, &request->load);
  AddSumOption(command, &request->load);
  command->callback([request, symbolize, options] {
    if (*symbolize) {
      auto symbolizer = std::make_shared<Symbolizer>(*options);
      request->load.prepare = [symbolizer](Profile* profile) { symbolizer->Run(profile); };
    }
    Merge(*request);
  });
}

void AddGrowth(Command app, int* status) {
  auto request = std::make_shared<GrowthRequest>();
  Command command =
      app->add_subcommand("growth", "What grew over the last minutes, hour and day, by one profile alone");
  command->add_option("FILE", request->file, "A profile \"growth\"")->required();
  AddViewOptions(command, &request->view);
  AddGranularity(command, &request->granularity, &request->view);
  AddColourOption(command);
  command->add_flag("--json", request->json, "JSON instead of text");
  constexpr size_t kLines = 20;
  request->limit = kLines;
  AddNumberOption(command, "--limit", &request->limit, "Functions and stacks to show (default 20); 0 = all");
  command->add_flag("--fail-on-growth", request->fail_on_growth,
                    "Exit with status 1 when anything grew for certain");
  command->callback([request, status] { *status = RunGrowth(*request); });
}

void AddDiff(Command app, int* status) {
  auto request = std::make_shared<DiffRequest>();
  Command command =
      app->add_subcommand("diff", "What grew from one profile to another, and whether it is more than luck");
  command->add_option("BASE", request->base, "The earlier profile; of a folder, or of a list @FILE, the sum")
      ->required();
  command->add_option("NEW", request->now, "The later profile, or profiles")->required();
  AddViewOptions(command, &request->view);
  AddSumOption(command, &request->view.load);
  AddGranularity(command, &request->granularity, &request->view);
  AddColourOption(command);
  command->add_flag_callback(
      "--cum", [diff = request.get()] { diff->order = Order::kCumulative; },
      "Order by the change of the cumulative value");
  command->add_flag("--json", request->json, "JSON instead of text");
  constexpr size_t kLines = 20;
  request->limit = kLines;
  AddNumberOption(command, "--limit", &request->limit, "Functions and stacks to show (default 20); 0 = all");
  auto growth = std::make_shared<std::string>();
  command
      ->add_flag("--fail-on-growth", *growth,
                 "Exit with status 1 when anything grew significantly; =SIZE: by SIZE or more, surely")
      ->check([](const std::string& size) { return size == "true" ? "" : CheckSize(size); })
      ->option_text("SIZE");
  command->callback([request, growth, status] {
    request->fail_on_growth = !growth->empty();
    // Without a size the flag is "true".
    if (request->fail_on_growth && *growth != "true") {
      request->least_growth = static_cast<double>(ParseSize(*growth));
    }
    *status = RunDiff(*request);
  });
}

}  // namespace

void AddMaxSizeOption(Command command, LoadOptions* options) {
  command
      ->add_option_function(
          "--max-size", [options](const std::string& size) { options->max_bytes = ParseSize(size); },
          "Refuse a file that inflates to more than this, or takes more memory (default 1g)")
      ->check(CheckSize)
      ->option_text("SIZE");
}

void AddSumOption(Command command, LoadOptions* options) {
  command->add_flag("--keep-duplicates", options->keep_duplicates,
                    "Of several files: add up all dumps of a process, and files that are there twice, too");
}

void AddColourOption(Command command) {
  static const std::map<std::string, ColourUse> kUses = {
      {"auto", ColourUse::kAuto}, {"always", ColourUse::kAlways}, {"never", ColourUse::kNever}};
  command
      ->add_option_function(
          "--color", [](const std::string& use) { SetColourUse(kUses.at(use)); },
          "Colours: auto (a terminal, and NO_COLOR is not set), always (for less -R) or never")
      ->check(OneOf({"auto", "always", "never"}))
      ->option_text("WHEN");
}

void AddViewOptions(Command command, ViewOptions* options) {
  command->add_option("--type", options->type, "The sample type: inuse_space, alloc_objects, ...")
      ->option_text("TYPE");
  command
      ->add_option("--focus", options->focus,
                   "Only stacks with a function, source file or module that matches this expression")
      ->option_text("REGEX");
  command->add_option("--ignore", options->ignore, "No stacks with one that matches this expression")
      ->option_text("REGEX");
  command->add_option("--hide", options->hide, "Frames that match this expression go from the stacks")
      ->option_text("REGEX");
  command->add_option("--show", options->show, "Only frames that match stay; nothing is folded")
      ->option_text("REGEX");
  command
      ->add_option("--prune-from", options->prune_from,
                   "What a function that matches calls counts as its own")
      ->option_text("REGEX");
  command->add_flag("--unfold", options->unfold,
                    "Show allocators, containers and wrappers, whose bytes are their callers' otherwise");
  AddRepeatedOption(command, "--tag", &options->tags, "Only samples with this label (may be repeated)")
      ->check(IsPair)
      ->option_text("KEY=VALUE");
  AddNamingOptions(command, &options->load);
  AddMaxSizeOption(command, &options->load);
}

void AddReportCommands(Command app, int* status) {
  Command command = nullptr;
  const auto add_file = [&](const std::shared_ptr<ReportRequest>& request) {
    AddFiles(command, &request->files,
             "The profile; - is standard input; several add up, of a folder or a list @FILE, too");
    AddSumOption(command, &request->view.load);
  };
  const auto add_limit = [&](const std::shared_ptr<ReportRequest>& request, size_t lines, const char* what) {
    request->limit = lines;
    const std::string text =
        lines == 0 ? "0 = all, as by default" : "0 = all (default " + std::to_string(lines) + ")";
    AddNumberOption(command, "--limit", &request->limit, std::string(what) + " to show; " + text);
  };
  auto top =
      AddReport(app, "top", "The functions with the largest values, and how sure they are", Top, &command);
  add_file(top);
  constexpr size_t kRows = 40;
  add_limit(top, kRows, "Lines");
  AddColourOption(command);
  command->add_flag_callback(
      "--cum", [top = top.get()] { top->order = Order::kCumulative; }, "Order by the cumulative value");

  auto tree = AddReport(app, "tree", "The calls as a tree, from the root", Tree, &command);
  add_file(tree);
  add_limit(tree, 0, "Lines");
  AddColourOption(command);
  tree->min_percent = 0.5;
  command
      ->add_option("--min-percent", tree->min_percent,
                   "Leave out branches below this share of the total (default 0.5)")
      ->check(DecimalNumber(0, 100))
      ->option_text("PERCENT");

  auto peek = AddReport(app, "peek", "The callers and callees of the functions that match", Peek, &command);
  command->add_option("REGEX", peek->regex, "An expression for the function's name")->required();
  add_file(peek);
  add_limit(peek, 0, "Functions");
  AddColourOption(command);

  auto folded = AddReport(app, "folded", "One line a stack, for other flame graph tools", Folded, &command);
  add_file(folded);
  add_limit(folded, 0, "Largest stacks");

  AddSymbolize(app);
  AddMerge(app);
  AddDiff(app, status);
  AddGrowth(app, status);
}

}  // namespace heapprof::tools
