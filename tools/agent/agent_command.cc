// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/agent_command.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "tools/agent/agent.h"
#include "tools/base/failure.h"
#include "tools/base/size_text.h"
#include "tools/command/add_option.h"
#include "tools/command/values.h"

namespace heapprof::tools {
namespace {

struct AgentRequest {
  agent::AgentOptions options;
  std::string profiles = "heap,cpu,block,mutex", spool, spool_size = "256m";
  double spool_hours = 24;
  std::vector<std::string> pids, headers;
};

std::string CheckProfiles(const std::string& text) {
  size_t at = 0;
  while (at <= text.size()) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (word != "heap" && word != "cpu" && word != "block" && word != "mutex")
      return "no profile that is collected: it is heap, cpu, block or mutex, with commas between them";
    at = end + 1;
  }
  return "";
}

bool HasWord(const std::string& list, const std::string& word) {
  return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

// systemd's StateDirectory=, root's, or the user's as the XDG Base Directory Specification has it.
std::string DefaultFolder() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = getenv(name);
    return value != nullptr && *value == '/' ? value : "";
  };
  std::string folder = variable("STATE_DIRECTORY");
  folder = folder.substr(0, folder.find(':'));
  if (!folder.empty()) return folder;
  if (geteuid() == 0) return "/var/lib/heapprof-agent";
  folder = variable("XDG_STATE_HOME");
  if (!folder.empty()) return folder + "/heapprof-agent";
  folder = variable("HOME");
  return folder.empty() ? "" : folder + "/.local/state/heapprof-agent";
}

// With its parents; of this user alone. Errors: Failure.
void MakeFolder(const std::string& folder) {
  for (size_t at = 1; at != std::string::npos;) {
    at = folder.find('/', at + 1);
    mkdir(folder.substr(0, at).c_str(), at == std::string::npos ? 0700 : 0755);
  }
  struct stat status;
  if (stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    throw Failure("no folder for the spool can be made at " + Printable(folder) + " (--spool)");
  if (status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw Failure(Printable(folder) + " is for others to write to: no place for the spool (--spool)");
}

void RunAgent(AgentRequest* request) {
  agent::AgentOptions* options = &request->options;
  if (options->to.empty() && options->listen.empty())
    throw Failure("agent: say where the profiles go (--to), or where to list the processes (--listen)");
  options->heap = HasWord(request->profiles, "heap");
  options->cpu = HasWord(request->profiles, "cpu");
  options->block = HasWord(request->profiles, "block");
  options->mutex = HasWord(request->profiles, "mutex");
  for (const std::string& pid : request->pids) options->pids.push_back(std::atol(pid.c_str()));
  for (const std::string& header : request->headers) {
    const size_t equals = header.find('=');
    options->target.headers.emplace_back(header.substr(0, equals), header.substr(equals + 1));
  }
  options->spool.max_bytes = ParseSize(request->spool_size);
  options->spool.max_age_ns = static_cast<int64_t>(request->spool_hours * 3600 * send::kSecond);
  if (!options->to.empty() && request->spool != "none") {
    options->folder = request->spool.empty() ? DefaultFolder() : request->spool;
    if (!options->folder.empty()) MakeFolder(options->folder);
  }
  agent::Agent(*options).Run();
}

}  // namespace

void AddAgentCommand(Command app) {
  auto request = std::make_shared<AgentRequest>();
  agent::AgentOptions* options = &request->options;
  Command command =
      app->add_subcommand("agent", "Collect the profiles of this machine's processes and send them");
  AddRepeatedOption(command, "--to", &options->to,
                    "Where to: pyroscope://HOST, parca://HOST, otlp://HOST:PORT, clickhouse://HOST, dir:PATH "
                    "(may be repeated)")
      ->option_text("URL");
  constexpr double kDay = 86400;
  command->add_option("--interval", options->interval, "Seconds between two rounds with a process")
      ->check(DecimalNumber(0.1, kDay))
      ->option_text("SECONDS");
  command->add_option("--profiles", request->profiles, "Which: heap,cpu,block,mutex")
      ->check(CheckProfiles)
      ->option_text("LIST");
  command->add_option("--cpu-seconds", options->cpu_seconds, "How long the CPU profile of a round is")
      ->check(DecimalNumber(1, kDay))
      ->option_text("SECONDS");
  command->add_option("--match", options->match, "Only programs whose path or arguments hold this expression")
      ->option_text("REGEX");
  AddRepeatedOption(command, "--pid", &request->pids, "Only this process (may be repeated)")
      ->check(CheckPid)
      ->option_text("PID");
  AddRepeatedOption(command, "--label", &options->labels, "A label for all profiles (may be repeated)")
      ->check(IsPair)
      ->option_text("NAME=VALUE");
  command->add_flag_callback(
      "--no-signals", [options] { options->signals = false; },
      "Leave processes alone that have no server (option http)");
  command->add_option("--scan", options->scan, "Seconds between two looks for new processes")
      ->check(DecimalNumber(0.1, kDay))
      ->option_text("SECONDS");
  command
      ->add_option("--listen", options->listen,
                   "Serve /metrics and /targets at PORT, ADDRESS:PORT or unix:PATH")
      ->option_text("ADDRESS");
  command->add_option("--spool", request->spool, "Folder for what is not sent yet; none = in memory")
      ->option_text("DIR");
  command->add_option("--spool-size", request->spool_size, "Most bytes that wait for one target")
      ->check(CheckSize)
      ->option_text("SIZE");
  command->add_option("--spool-hours", request->spool_hours, "Hours after which they are dropped")
      ->check(DecimalNumber(0, 8760))
      ->option_text("HOURS");
  AddRepeatedOption(command, "--debug-path", &options->debug_paths,
                    "Folder with debug files (may be repeated)")
      ->option_text("DIR");
  command->add_flag("--debuginfod", options->debuginfod, "Ask debuginfod's servers for debug files, too");
  command->add_option("--tenant", options->target.tenant, "Tenant (X-Scope-OrgID)")->option_text("NAME");
  command->add_option("--token-file", options->target.token_file, "File with a bearer token")
      ->option_text("FILE");
  command->add_option("--ca-file", options->target.ca_file, "Certificates that https trusts")
      ->option_text("FILE");
  AddRepeatedOption(command, "--header", &request->headers, "A header for each request (may be repeated)")
      ->check(IsPair)
      ->option_text("NAME=VALUE");
  AddNumberOption(command, "--rounds", &options->rounds,
                  "End after so many rounds with each process; 0 = do not end")
      ->option_text("N");
  command->add_flag("--verbose", options->verbose, "Tell of each process that is found");
  command->callback([request] { RunAgent(request.get()); });
}

}  // namespace heapprof::tools
