// SPDX-License-Identifier: Apache-2.0
#include "tools/process/check.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "tools/base/failure.h"
#include "tools/command/values.h"
#include "tools/process/output_pattern.h"

namespace heapprof::tools {
namespace {

namespace fs = std::filesystem;

// The program may change its folder before it ends.
std::string Absolute(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error) throw Failure(Printable(path) + ": " + error.message());
  return absolute.lexically_normal();
}

}  // namespace

Command AddCheck(Command app, CheckRequest* request) {
  Command check = app->add_subcommand("check", "Run a program and look for memory leaks when it ends");
  check
      ->add_option("--suppressions", request->suppressions,
                   "A file of leaks to pass over: lines leak:PATTERN")
      ->option_text("FILE");
  check->add_flag("--live", request->live, "List all that is still allocated, reached or not");
  check
      ->add_option("--log", request->log,
                   "The report goes to this file, .PID appended, not to standard error")
      ->option_text("FILE");
  constexpr uint64_t kMaxStatus = 255;
  check->add_option("--exitcode", request->exitcode, "Exit status if there are leaks; 0 = the program's own")
      ->check(WholeNumber(0, kMaxStatus, "exit status"))
      ->option_text("N");
  check
      ->add_option("-o,--output", request->output,
                   "Pattern of the leaks' profile: %p pid, %n count, %e program name")
      ->option_text("PATTERN");
  check
      ->add_option("--children", request->children,
                   "The programs that it starts: all = check them, too, as by default; no = leave them alone")
      ->check(OneOf({"all", "no"}))
      ->option_text("WHICH");
  check
      ->add_option("--library", request->run.library,
                   "The library to preload, if not the one beside this command")
      ->option_text("FILE");
  check->prefix_command();
  return check;
}

void Check(CheckRequest request) {
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) request.run.options.push_back({key, value, ""});
  };
  if (!request.suppressions.empty()) {
    request.suppressions = Absolute(request.suppressions);
    if (access(request.suppressions.c_str(), R_OK) != 0) {
      throw Failure("--suppressions " + Printable(request.suppressions) + ": " + ErrorText(errno));
    }
  }
  add("leak_check", request.live ? "live" : "unreachable");
  add("suppressions", request.suppressions);
  add("log_path", request.log.empty() ? "" : Absolute(request.log));
  add("exitcode", request.exitcode);
  add("output", request.output);
  add("children", request.children);
  request.run.must_preload = true;
  request.run.in_this_folder = false;
  request.run.symbolize = false;  // the report names what it finds by itself
  Run(request.run);
}

}  // namespace heapprof::tools
