// SPDX-License-Identifier: Apache-2.0
#include "tools/threads/threads.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/command/add_option.h"
#include "tools/command/values.h"
#include "tools/dump/asked_profile.h"
#include "tools/flame/json_writer.h"
#include "tools/profile/frames.h"
#include "tools/profile/load.h"
#include "tools/report/naming_options.h"
#include "tools/report/report_commands.h"
#include "tools/report/row_names.h"
#include "tools/threads/thread_rows.h"

namespace heapprof::tools {
namespace {

struct ThreadsRequest {
  AskedProfile asked;
  bool group = false, json = false;
};

std::string Seconds(int64_t nanos) {
  constexpr double kSecond = 1e9, kMinute = 60;
  const double seconds = static_cast<double>(nanos) / kSecond;
  char text[32];
  std::snprintf(text, sizeof text, seconds < kMinute ? "%.3f s" : "%.0f s", seconds);
  return text;
}

class Report {
 public:
  explicit Report(const Profile& profile)
      : profile_(profile),
        rows_(ThreadRows(profile)),
        frames_(profile, Granularity::kLine),
        names_(frames_, NameForm::kDisplay, AllFrames()) {}

  void PrintParagraphs() {
    std::sort(rows_.begin(), rows_.end(),
              [](const ThreadRow& a, const ThreadRow& b) { return a.tid < b.tid; });
    PrintHead();
    for (const ThreadRow& row : rows_) {
      std::printf("\n%s\n", Head(row).c_str());
      PrintBody(row);
    }
  }

  // Equal stacks and labels together, the most first.
  void PrintGroups() {
    std::map<std::pair<std::vector<uint32_t>, std::vector<std::pair<std::string, std::string>>>,
             std::vector<const ThreadRow*>>
        by_stack;
    for (const ThreadRow& row : rows_) {
      const auto stack = profile_.stack(profile_.samples[row.sample]);
      by_stack[{{stack.begin(), stack.end()}, row.labels}].push_back(&row);
    }
    struct Group {
      int64_t threads;
      std::vector<const ThreadRow*> rows;
    };
    std::vector<Group> groups;
    for (auto& [key, rows] : by_stack) {
      Group group = {0, std::move(rows)};
      for (const ThreadRow* row : group.rows) group.threads += row->threads;
      groups.push_back(std::move(group));
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const Group& a, const Group& b) { return a.threads > b.threads; });
    PrintHead();
    for (const Group& group : groups) {
      std::printf("\n%s: %s\n", CountOf(group.threads).c_str(), NamesOf(group.rows).c_str());
      PrintBody(*group.rows.front());
    }
  }

  void PrintJson() {
    JsonWriter json;
    json.Open('{');
    json.TextAt("pid", CommentValue(profile_, "pid"));
    json.Key("threads");
    json.Open('[');
    for (const ThreadRow& row : rows_) {
      json.Open('{');
      if (row.tid != 0) json.NumberAt("tid", static_cast<double>(row.tid));
      json.NumberAt("count", static_cast<double>(row.threads));
      json.TextAt("name", row.name);
      json.TextAt("state", row.state);
      if (!row.call.empty()) json.TextAt("call", row.call);
      if (row.cpu_nanos >= 0) json.NumberAt("cpu_nanoseconds", static_cast<double>(row.cpu_nanos));
      if (row.idle_nanos >= 0) json.NumberAt("idle_nanoseconds", static_cast<double>(row.idle_nanos));
      json.Key("labels");
      json.Open('{');
      for (const auto& [key, value] : row.labels) {
        json.Text(key);
        json.ValueOfText(value);
      }
      json.Close('}');
      WriteStack("stack", row.sample, &json);
      if (row.creator != SIZE_MAX) WriteStack("created_by", row.creator, &json);
      json.Close('}');
    }
    json.Close(']');
    json.Close('}');
    std::printf("%s\n", json.text().c_str());
  }

 private:
  std::vector<uint32_t> AllFrames() const {
    std::vector<uint32_t> all(frames_.size());
    for (uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    return all;
  }

  static std::string CountOf(int64_t threads) {
    return std::to_string(threads) + (threads == 1 ? " thread" : " threads");
  }

  void PrintHead() const {
    int64_t threads = 0;
    for (const ThreadRow& row : rows_) threads += row.threads;
    std::printf("%s of process %s\n", CountOf(threads).c_str(),
                Printable(CommentValue(profile_, "pid")).c_str());
  }

  static std::string StateOf(const ThreadRow& row) {
    std::string text = Printable(row.state);
    if (!row.call.empty()) text += ": " + Printable(row.call);
    if (row.idle_nanos >= 0) text += ", last ran " + Seconds(row.idle_nanos) + " ago";
    return text;
  }

  static std::string Head(const ThreadRow& row) {
    std::string text = row.threads == 1 ? "thread " : CountOf(row.threads) + " ";
    if (row.tid != 0) text += std::to_string(row.tid) + " ";
    text += "\"" + Printable(row.name) + "\" [" + StateOf(row) + "]";
    if (row.cpu_nanos >= 0) text += ", cpu " + Seconds(row.cpu_nanos);
    return text;
  }

  // "worker (waiting: futex) x3, main (running)"
  static std::string NamesOf(const std::vector<const ThreadRow*>& rows) {
    constexpr size_t kMaxNames = 5;
    std::vector<std::pair<std::string, int64_t>> names;
    for (const ThreadRow* row : rows) {
      const std::string name = Printable(row->name) + " (" + Printable(row->state) + ")";
      const auto same =
          std::find_if(names.begin(), names.end(), [&](const auto& n) { return n.first == name; });
      if (same == names.end()) {
        names.emplace_back(name, row->threads);
      } else {
        same->second += row->threads;
      }
    }
    std::string text;
    for (size_t i = 0; i < names.size() && i < kMaxNames; ++i) {
      text += (i == 0 ? "" : ", ") + names[i].first;
      if (names[i].second > 1) text += " x" + std::to_string(names[i].second);
    }
    return names.size() > kMaxNames ? text + ", ..." : text;
  }

  void PrintBody(const ThreadRow& row) const {
    if (!row.labels.empty()) {
      std::string text;
      for (const auto& [key, value] : row.labels) {
        text += (text.empty() ? "" : ", ") + Printable(key) + "=" + Printable(value);
      }
      std::printf("  labels: %s\n", text.c_str());
    }
    PrintStack(row.sample);
    if (row.creator == SIZE_MAX) return;
    std::printf("  created by\n");
    PrintStack(row.creator);
  }

  void PrintStack(size_t sample) const {
    for (const uint32_t location : profile_.stack(profile_.samples[sample])) {
      for (const uint32_t frame : frames_.frames_of(location)) {
        std::printf("    %s\n", names_.Of(frame, 0).c_str());
      }
    }
  }

  void WriteStack(const char* key, size_t sample, JsonWriter* json) const {
    json->Key(key);
    json->Open('[');
    for (const uint32_t location : profile_.stack(profile_.samples[sample])) {
      for (const uint32_t frame : frames_.frames_of(location)) json->Text(names_.Of(frame, 0));
    }
    json->Close(']');
  }

  const Profile& profile_;
  std::vector<ThreadRow> rows_;
  FrameTable frames_;
  RowNames names_;
};

void RunThreads(const ThreadsRequest& request) {
  std::string file;
  const Profile profile = LoadAskedProfile(request.asked, &file);
  if (profile.type_name(0) != "threads") {
    throw Failure(Printable(file) + " is no profile of threads: its first value is " +
                  Printable(profile.type_name(0)) + "; heapprof threads PID asks for one");
  }
  Report report(profile);
  if (request.json) {
    report.PrintJson();
  } else if (request.group) {
    report.PrintGroups();
  } else {
    report.PrintParagraphs();
  }
}

}  // namespace

void AddThreadsCommand(Command app) {
  auto request = std::make_shared<ThreadsRequest>();
  request->asked.dump.profile = "threads";
  Command command = app->add_subcommand("threads", "Where the threads of a running program are now");
  command->add_option("PID", request->asked.what, "The process; or a file, .threads.pb.gz")->required();
  command->add_flag("--group", request->group, "Threads with equal stacks together, the most first");
  command->add_flag("--json", request->json, "JSON instead of text");
  command->add_flag("--keep", request->asked.keep,
                    "Leave the file that the process has written, and say its name");
  AddTimeoutOption(command, &request->asked.dump.timeout_seconds);
  AddNamingOptions(command, &request->asked.load);
  AddMaxSizeOption(command, &request->asked.load);
  command->callback([request] { RunThreads(*request); });
}

}  // namespace heapprof::tools
