// SPDX-License-Identifier: Apache-2.0
// The command `heapprof`: reads the command line, and hands over to one subject.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include "base/limits.h"
#include "tools/agent/agent_command.h"
#include "tools/base/failure.h"
#include "tools/base/size_text.h"
#include "tools/clickhouse/export.h"
#include "tools/clickhouse/load.h"
#include "tools/command/add_option.h"
#include "tools/command/help.h"
#include "tools/command/values.h"
#include "tools/command/words.h"
#include "tools/convert/convert.h"
#include "tools/dump/dump.h"
#include "tools/flame/flame.h"
#include "tools/lifetimes/lifetimes.h"
#include "tools/memory/memory.h"
#include "tools/process/check.h"
#include "tools/process/run.h"
#include "tools/reader/inflate.h"
#include "tools/report/info.h"
#include "tools/report/report_commands.h"
#include "tools/report/summary.h"
#include "tools/send/push.h"
#include "tools/source/list.h"
#include "tools/symbols/naming/addresses.h"
#include "tools/threads/threads.h"
#include "tools/watch/watch.h"

namespace heapprof::tools {
namespace {

constexpr char kStatuses[] =
    "Exit status: 0 good; 1 growth was found (`diff` or `growth` with `--fail-on-growth`), or `push` left\n"
    "something in its spool; 2 wrong usage, or an input that cannot be read. `run` and `check` pass the\n"
    "program's own status on (`check`: 23 if there are leaks);\n"
    "127 and 126 mean that there is no such program, or that it cannot be executed.\n"
    "The manual is heapprof(1).";

// What `heapprof` alone says.
constexpr char kFirstSteps[] =
    "Heap profiles of running programs, sampled at the speed of malloc.\n\n"
    "  heapprof run --exit-dump -- PROGRAM   run a program, and write a profile when it ends\n"
    "  heapprof dump PID                     have a running one write a profile now\n"
    "  heapprof watch PID                    its memory, live on the terminal\n"
    "  heapprof threads PID                  where the threads of a running one are now\n"
    "  heapprof top FILE                     the functions that hold the memory\n"
    "  heapprof flame FILE                   the same as a flame graph, one HTML page\n"
    "  heapprof check -- PROGRAM             look for leaks when it ends\n\n"
    "heapprof --help lists all commands, heapprof COMMAND --help the options of one.\n";

std::string CheckSignal(const std::string& text) try {
  SignalNumber(text);
  return "";
} catch (const Failure& failure) {
  return failure.what();
}

struct CommandLine {
  std::string interval, output, max_frames, signal, cpu_hz, wall_hz, children;
  std::vector<std::string> options;
  bool exit_dump = false, verbose = false, quiet = false;
  RunRequest run;
  CheckRequest check;
  DumpRequest dump;
  InfoRequest info;
  std::string max_size = "1g";
};

CLI::App* AddRun(CLI::App* app, CommandLine* line) {
  CLI::App* run = app->add_subcommand("run", "Run a program with the profiler preloaded");
  run->add_option("--interval", line->interval, "Mean bytes between samples; 0 = off, 1 = every allocation")
      ->check(CheckSize)
      ->option_text("SIZE");
  run->add_option("-o,--output", line->output, "Pattern of the files: %p pid, %n count, %e program name")
      ->option_text("PATTERN");
  run->add_flag("--exit-dump", line->exit_dump, "Write a profile when the program ends, too");
  run->add_flag("--cpu{100}", line->cpu_hz,
                "Write a CPU profile when the program ends, too; --cpu=HZ samples HZ times a second")
      ->check(WholeNumber(kMinCpuHz, kMaxCpuHz, "rate"))
      ->option_text("HZ");
  run->add_flag("--wall{20}", line->wall_hz,
                "Write a wall-clock profile when the program ends, too; --wall=HZ looks HZ times a second")
      ->check(WholeNumber(kMinCpuHz, kMaxCpuHz, "rate"))
      ->option_text("HZ");
  run->add_option("--max-frames", line->max_frames,
                  "Frames kept of a stack, at most " + std::to_string(kMaxStackFrames))
      ->check(WholeNumber(1, kMaxStackFrames))
      ->option_text("N");
  run->add_option("--dump-signal", line->signal,
                  "The signal that makes the program write a profile; 0 = none")
      ->check(CheckSignal)
      ->option_text("SIGNAL");
  run->add_option(
         "--children", line->children,
         "The programs that it starts: all = profile them, too, as by default; no = leave them alone")
      ->check(OneOf({"all", "no"}))
      ->option_text("WHICH");
  AddRepeatedOption(run, "--option", &line->options, "Any option of the library (may be repeated)")
      ->check(IsPair)
      ->option_text("KEY=VALUE");
  run->add_option("--library", line->run.library,
                  "The library to preload, if not the one beside this command")
      ->option_text("FILE");
  run->add_flag_callback(
      "--no-symbolize", [line] { line->run.symbolize = false; },
      "Become the program, whose process this then is, and leave its profiles as they are");
  run->add_flag("--quiet", line->quiet, "Do not tell at the end what the profiles hold");
  run->add_flag("--verbose", line->verbose, "Have the library say what it sets up and writes");
  run->prefix_command();
  return run;
}

CLI::App* AddDump(CLI::App* app, CommandLine* line) {
  CLI::App* dump = app->add_subcommand("dump", "Have a running program write its heap profile");
  dump->add_option("PID", line->dump.pid, "The process")->required()->check(CheckPid);
  dump->add_option("--profile", line->dump.profile,
                   "Which: heap, or peak, growth, lifetimes, memory, threads")
      ->option_text("NAME");
  AddTimeoutOption(dump, &line->dump.timeout_seconds, "Seconds to wait for the file");
  dump->add_option("-o,--output", line->dump.output, "Pattern of its files, where the process cannot be read")
      ->option_text("PATTERN");
  dump->add_option("--signal", line->dump.signal, "Its dump_signal, where the process cannot be read")
      ->check(CheckSignal)
      ->option_text("SIGNAL");
  dump->add_flag("--force", line->dump.force, "Send it also where whose handler there is cannot be told");
  return dump;
}

CLI::App* AddInfo(CLI::App* app, CommandLine* line) {
  CLI::App* info = app->add_subcommand("info", "Show what a profile holds: types, totals, mappings, losses");
  info->add_option("FILE", line->info.files,
                   "Profiles, folders of them, or @FILE, a list; - is standard input")
      ->required()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  AddNumberOption(info, "--limit", &line->info.limit, "Mappings to show; 0 = all, as by default");
  info->add_option("--max-size", line->max_size, "Refuse a file that inflates to more than this")
      ->check(CheckSize)
      ->option_text("SIZE");
  return info;
}

// The options that `run` hands to the library. Errors: Failure.
std::vector<OptionPair> LibraryOptions(const CommandLine& line) {
  std::vector<OptionPair> pairs;
  for (const std::string& text : line.options) {
    const size_t equals = text.find('=');
    pairs.push_back({text.substr(0, equals), text.substr(equals + 1), ""});
  }
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) pairs.push_back({key, value, ""});
  };
  add("sample_interval", line.interval);
  add("output", line.output);
  add("dump_at_exit", line.exit_dump ? "1" : "");
  add("cpu_at_start", line.cpu_hz.empty() ? "" : "1");
  add("cpu_hz", line.cpu_hz);
  add("wall_at_start", line.wall_hz.empty() ? "" : "1");
  add("wall_hz", line.wall_hz);
  add("max_frames", line.max_frames);
  add("dump_signal", line.signal);
  add("children", line.children);
  add("verbose", line.verbose ? "1" : "");
  return pairs;
}

int Main(std::vector<std::string> words) {
  if (words.empty()) {
    std::fputs(kFirstSteps, stdout);
    return kStatusUnusable;  // a script whose words are lost shall not go on
  }
  if (words.front() == "help") {
    while (!words.empty() && words.front() == "help") words.erase(words.begin());
    words.emplace_back("--help");
  }
  SetAddressLoader({"clickhouse://", "clickhouse+https://"}, clickhouse::LoadAddress);
  CommandLine line;
  CLI::App app("Heap profiles of running programs, sampled at the speed of malloc.", "heapprof");
  app.set_version_flag("--version", std::string("heapprof ") + HEAPPROF_COMMAND_VERSION);
  app.require_subcommand(1);
  // Of an option that is given twice the last one counts, as a script's user overrides the script.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.footer(kStatuses);
  app.formatter(std::make_shared<HelpFormat>());
  CLI::App* run = AddRun(&app, &line);
  CLI::App* check = AddCheck(&app, &line.check).get();
  CLI::App* dump = AddDump(&app, &line);
  CLI::App* info = AddInfo(&app, &line);
  int status = kStatusGood;
  AddReportCommands(&app, &status);
  AddListCommand(&app);
  AddFlameCommand(&app);
  AddConvertCommand(&app);
  clickhouse::AddExportCommand(&app);
  AddThreadsCommand(&app);
  AddMemoryCommand(&app);
  AddLifetimesCommand(&app);
  AddWatchCommand(&app);
  AddAgentCommand(&app);
  send::AddPushCommand(&app, &status);
  AddAddresses(&app);
  const std::vector<std::string> program = CutProgram(app, &words);
  CheckWords(app, &words);
  const std::string first = words.empty() ? "" : words.front();
  try {
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(words);
  } catch (const CLI::Success& success) {
    // Help on what is no command.
    if (app.get_subcommands().empty() && !first.empty() && first[0] != '-') FailAt(app, first, success);
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    FailAt(app, first, error);
  }
  if (run->parsed()) {
    line.run.program = ProgramOf(*run, program);
    line.run.options = LibraryOptions(line);
    if (!line.quiet) line.run.summarize = Summary;
    Run(line.run);
  }
  if (check->parsed()) {
    line.check.run.program = ProgramOf(*check, program);
    Check(line.check);
  }
  if (dump->parsed()) Dump(line.dump);
  if (info->parsed()) {
    line.info.max_bytes = ParseSize(line.max_size);
    return Info(line.info);
  }
  return status;
}

// What was printed must have arrived: a full disk is no success.
int Finish(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
    return WasAnyUnusable() ? kStatusUnusable : status;
  }
  Tell("standard output cannot be written");
  return kStatusUnusable;
}

}  // namespace
}  // namespace heapprof::tools

int main(int argc, char** argv) {
  using namespace heapprof::tools;
  try {
    return Finish(Main(std::vector<std::string>(argv + 1, argv + argc)));
  } catch (const Failure& failure) {
    std::fflush(stdout);
    Tell(failure.what());
    return failure.status();
  } catch (const std::bad_alloc&) {
    Tell("out of memory");
    return kStatusUnusable;
  }
}
