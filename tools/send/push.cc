// SPDX-License-Identifier: Apache-2.0
#include "tools/send/push.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/command/add_option.h"
#include "tools/command/values.h"
#include "tools/profile/profile_writer.h"
#include "tools/report/naming_options.h"
#include "tools/report/report_commands.h"
#include "tools/send/append_fields.h"
#include "tools/send/rules/rename.h"
#include "tools/send/sender.h"

namespace heapprof::tools::send {
namespace {

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// The library names its files NAME.KIND.pb.gz.
std::string KindOf(const std::string& file, const Profile& profile) {
  constexpr std::string_view kEnding = ".pb.gz";
  if (file.size() > kEnding.size() && file.substr(file.size() - kEnding.size()) == kEnding) {
    const std::string name = file.substr(0, file.size() - kEnding.size());
    std::string kind = name.substr(name.find_last_of("./") + 1);
    for (const char* known :
         {"heap", "cpu", "wall", "block", "mutex", "peak", "growth", "lifetimes", "memory"}) {
      if (kind == known) return kind;
    }
  }
  for (size_t i = 0; i < profile.type_count(); ++i) {
    const std::string_view type = profile.type_name(i);
    if (StartsWith(type, "inuse_") || StartsWith(type, "alloc_")) return "heap";
    if (type == "cpu" || type == "wall") return std::string(type);
    if (type == "contentions" || type == "delay") return "mutex";
  }
  return std::string(profile.type_name(0));
}

bool IsOfItsTime(const std::string& kind) { return kind == "cpu" || kind == "wall"; }

bool OnlyGrows(const std::string& kind, std::string_view type) {
  return kind == "block" || kind == "mutex" || (kind == "heap" && StartsWith(type, "alloc_"));
}

// Tells processes and kinds apart; "" where the file does not say of which process it is.
std::string ProcessOf(const Profile& profile, const std::string& kind) {
  const std::string_view pid = CommentValue(profile, "pid"), start = CommentValue(profile, "start-time");
  if (pid.empty() || start.empty()) return "";
  return std::string(pid) + " " + std::string(start) + " " + std::string(CommentValue(profile, "run")) + " " +
         kind;
}

std::string BaseName(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

class Pusher {
 public:
  Pusher(const PushRequest& request, const TargetOptions& target) : request_(request) {
    SenderOptions options;
    options.retry_uncertain = request.retry_uncertain;
    options.retry_refused = request.retry_refused;
    options.tell = [this](const std::string& line) {
      if (line != told_) Tell(line);
      told_ = line;
    };
    sender_ = std::make_unique<Sender>(MakeTarget(request.url, target),
                                       std::make_unique<Spool>(request.spool, SpoolLimits(), SystemClock()),
                                       options);
  }

  int Run() {
    if (request_.files.size() > 1) FindLast();
    for (const std::string& file : request_.files) Add(file);
    const Clock clock = SystemClock();
    const int64_t end = clock.now().boot_ns + static_cast<int64_t>(request_.timeout_seconds * kSecond);
    for (;;) {
      const double left = static_cast<double>(end - clock.now().boot_ns) / kSecond;
      const double wait = sender_->Work(std::max(left, 0.));
      if (wait < 0 || wait > left) break;
      usleep(static_cast<useconds_t>(wait * 1e6) + 1);
    }
    return Report();
  }

 private:
  // Which file of each process is the last: its totals hold those of the others.
  void FindLast() {
    LoadOptions load = request_.load;
    load.apply_drop_frames = false;
    for (const std::string& file : request_.files) {
      // A pipe can be read once: it is kept as it is to be sent.
      std::error_code none;
      const bool is_pipe = !IsAddress(file) && !std::filesystem::is_regular_file(file, none);
      if (is_pipe && read_.count(file) != 0) continue;
      load.prepare = is_pipe ? request_.load.prepare : nullptr;
      const Profile profile = LoadNamedProfile(file, load);
      if (is_pipe) read_.emplace(file, profile);
      const std::string process = ProcessOf(profile, Kind(file, profile));
      if (process.empty()) continue;
      auto& [time, last] = last_of_[process];
      if (last.empty() || profile.header.time_nanos >= time) {
        time = profile.header.time_nanos;
        last = file;
      }
    }
  }

  std::string Kind(const std::string& file, const Profile& profile) const {
    return request_.kind.empty() ? KindOf(file, profile) : request_.kind;
  }

  void Add(const std::string& file) {
    LoadOptions load = request_.load;
    load.apply_drop_frames = false;
    const auto read = read_.find(file);
    Profile profile = read == read_.end() ? LoadNamedProfile(file, load) : read->second;
    Item item;
    item.kind = Kind(file, profile);
    const auto last = last_of_.find(ProcessOf(profile, item.kind));
    if (last != last_of_.end() && last->second.second != file &&
        !KeepTypes(&profile, [&](std::string_view type) { return !OnlyGrows(item.kind, type); })) {
      Tell(Printable(file) + " is not sent: what it counts is in " + Printable(last->second.second) +
           ", too");
      return;
    }
    item.start_ns = profile.header.time_nanos;
    item.duration_ns = profile.header.duration_nanos;
    item.delta = IsOfItsTime(item.kind);
    for (const std::string& label : request_.labels) {
      const size_t equals = label.find('=');
      item.labels.push_back({label.substr(0, equals), label.substr(equals + 1)});
    }
    if (LabelValue(item, "service").empty() && !profile.mappings.empty()) {
      item.labels.push_back({"service", BaseName(profile.text(profile.mappings[0].filename))});
    }
    const std::string pid(CommentValue(profile, "pid"));
    if (LabelValue(item, "pid").empty() && !pid.empty()) item.labels.push_back({"pid", pid});
    item.bytes = SerializeProfile(profile);
    item.id = ContentId(item.bytes);
    item.bytes = Gzipped(item.bytes);
    sender_->Add(std::move(item));
  }

  int Report() const {
    const SenderFigures& figures = sender_->figures();
    const Spool& spool = sender_->spool();
    const std::string name = sender_->target().name();
    if (figures.delivered != 0) {
      std::printf("%s sent to %s\n", Counted(figures.delivered, "profile").c_str(), Printable(name).c_str());
    }
    const size_t uncertain = spool.count(SpoolState::kUncertain);
    const size_t waiting = spool.count(SpoolState::kReady) + uncertain;
    if (waiting != 0) {
      std::string line = Counted(waiting, "profile");
      line += request_.spool.empty() ? " not sent" : " left in " + Printable(request_.spool);
      if (uncertain != 0) {
        line += ", of which " + std::to_string(uncertain) + " may have arrived";
        if (!request_.spool.empty()) line += " (--retry-uncertain sends them again)";
      }
      std::fflush(stdout);
      Tell(line);
    }
    if (figures.refused != 0 || figures.unreadable != 0) return kStatusUnusable;
    if (waiting == 0) return kStatusGood;
    return request_.spool.empty() ? kStatusUnusable : kStatusNo;
  }

  const PushRequest& request_;
  std::unique_ptr<Sender> sender_;
  std::map<std::string, std::pair<int64_t, std::string>> last_of_;
  std::map<std::string, Profile> read_;  // of pipes
  std::string told_;
};

// Who we are to an engine.
void AddTargetOptions(Command command, PushRequest* request) {
  TargetOptions* options = &request->target;
  command->add_option("--tenant", options->tenant, "The tenant, sent as X-Scope-OrgID")->option_text("NAME");
  command->add_option("--token-file", options->token_file, "A file with the token, read before each request")
      ->option_text("FILE");
  command
      ->add_option("--token-env", request->token_variable, "The variable of the environment with the token")
      ->option_text("NAME");
  AddRepeatedOption(command, "--header", &request->headers, "A header of each request (may be repeated)")
      ->check(IsPair)
      ->option_text("NAME=VALUE");
  command
      ->add_option("--ca-file", options->ca_file, "Certificates to trust for https, in place of the system's")
      ->option_text("FILE");
}

TargetOptions WithSecrets(const PushRequest& request) {
  TargetOptions options = request.target;
  for (const std::string& header : request.headers) {
    const size_t equals = header.find('=');
    options.headers.emplace_back(header.substr(0, equals), header.substr(equals + 1));
  }
  if (!request.token_variable.empty()) {
    const char* token = getenv(request.token_variable.c_str());
    if (token == nullptr || *token == '\0') {
      throw Failure("push: the environment has no " + Printable(request.token_variable));
    }
    options.token = token;
  }
  return options;
}

}  // namespace

int Push(const PushRequest& request) {
  if (request.files.empty() && request.spool.empty()) {
    throw Failure("push: FILE is required; see heapprof push --help");
  }
  return Pusher(request, WithSecrets(request)).Run();
}

void AddPushCommand(Command app, int* status) {
  auto request = std::make_shared<PushRequest>();
  Command command = app->add_subcommand("push", "Send profiles to Pyroscope, Parca, or a collector");
  command
      ->add_option("URL", request->url,
                   "Where to: pyroscope://HOST, parca://HOST, otlp://HOST:PORT, clickhouse://HOST, each also "
                   "with +https, or dir:PATH")
      ->required();
  command->add_option("FILE", request->files, "Profiles; - is standard input")->take_all();
  AddRepeatedOption(command, "--label", &request->labels, "A label of the profiles (may be repeated)")
      ->check(IsPair)
      ->option_text("NAME=VALUE");
  command
      ->add_option("--kind", request->kind,
                   "Which profile it is: heap, cpu, wall, block, mutex, or another name")
      ->option_text("NAME");
  command->add_option("--spool", request->spool, "A folder that keeps what cannot be sent, for the next push")
      ->option_text("FOLDER");
  command->add_flag("--retry-uncertain", request->retry_uncertain,
                    "Send again what may have arrived, though it may then count twice");
  command->add_flag("--retry-refused", request->retry_refused,
                    "Send again what was refused and is in the spool");
  AddTimeoutOption(command, &request->timeout_seconds, "Seconds to go on trying");
  AddTargetOptions(command, request.get());
  AddNamingOptions(command, &request->load);
  AddMaxSizeOption(command, &request->load);
  command->callback([request, status] { *status = Push(*request); });
}

}  // namespace heapprof::tools::send
