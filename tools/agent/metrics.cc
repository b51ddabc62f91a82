// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/metrics.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "tools/base/human.h"

namespace heapprof::tools::agent {
namespace {

class Text {
 public:
  void Family(const char* name, const char* type, const char* help) {
    name_ = name;
    text_ += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
  }
  void Value(const std::string& labels, double value) {
    char number[32];
    std::snprintf(number, sizeof number, "%.17g", value);
    text_ += name_ + labels + " " + number + "\n";
  }
  void One(const char* name, const char* type, const char* help, double value) {
    Family(name, type, help);
    Value("", value);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string name_, text_;
};

std::string Escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? ' ' : c;
  }
  return text;
}

void AddTargets(const std::vector<Sending::Figures>& all, Text* text) {
  struct Row {
    const char *name, *type, *help;
    double (*value)(const Sending::Figures&);
  };
  static constexpr Row kRows[] = {
      {"heapprof_agent_delivered_profiles_total", "counter", "Profiles that a target has taken",
       [](const Sending::Figures& f) { return static_cast<double>(f.sender.delivered); }},
      {"heapprof_agent_delivered_bytes_total", "counter", "Bytes of these",
       [](const Sending::Figures& f) { return static_cast<double>(f.sender.delivered_bytes); }},
      {"heapprof_agent_send_retries_total", "counter", "Times that a target asked for patience or was away",
       [](const Sending::Figures& f) { return static_cast<double>(f.sender.retries); }},
      {"heapprof_agent_refused_profiles_total", "counter", "Profiles that a target does not take",
       [](const Sending::Figures& f) { return static_cast<double>(f.sender.refused); }},
      {"heapprof_agent_uncertain_profiles_total", "counter", "Times that nobody knows whether one was taken",
       [](const Sending::Figures& f) { return static_cast<double>(f.sender.uncertain); }},
      {"heapprof_agent_spool_profiles", "gauge", "Profiles that wait to be sent",
       [](const Sending::Figures& f) { return static_cast<double>(f.waiting); }},
      {"heapprof_agent_spool_bytes", "gauge", "Bytes of the spool",
       [](const Sending::Figures& f) { return static_cast<double>(f.spool_bytes); }},
      {"heapprof_agent_dropped_profiles_total", "counter", "Profiles that became too old, or had no room",
       [](const Sending::Figures& f) { return static_cast<double>(f.dropped_old + f.dropped_full); }},
      {"heapprof_agent_last_delivery_timestamp_seconds", "gauge", "When the last was taken; 0: none yet",
       [](const Sending::Figures& f) { return static_cast<double>(f.sender.last_success_ns) / 1e9; }},
  };
  for (const Row& row : kRows) {
    text->Family(row.name, row.type, row.help);
    for (const Sending::Figures& figures : all)
      text->Value("{target=\"" + Escaped(figures.target) + "\"}", row.value(figures));
  }
}

void AddOwn(Text* text) {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    constexpr double kMicros = 1e6;
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / kMicros;
  };
  double cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  getrusage(RUSAGE_CHILDREN, &usage);
  cpu += seconds(usage.ru_utime) + seconds(usage.ru_stime);
  text->One("process_cpu_seconds_total", "counter", "Time of processors, with that of its children", cpu);
  unsigned long pages = 0, resident = 0;
  if (FILE* file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%lu %lu", &pages, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  text->One("process_resident_memory_bytes", "gauge", "Resident memory",
            static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)));
}

}  // namespace

std::string MetricsText(const AllFigures& all) {
  Text text;
  const AgentFigures& f = all.agent;
  const auto one = [&](const char* name, const char* type, const char* help, uint64_t value) {
    text.One(name, type, help, static_cast<double>(value));
  };
  one("heapprof_agent_processes", "gauge", "Processes that are watched", all.watched);
  one("heapprof_agent_processes_with_server", "gauge", "Of these, those that serve over HTTP",
      all.with_server);
  one("heapprof_agent_processes_begun_total", "counter", "Processes that were found", f.begun);
  one("heapprof_agent_processes_ended_total", "counter", "Processes that ended, or became others", f.ended);
  one("heapprof_agent_scans_total", "counter", "Looks for processes", f.scans);
  one("heapprof_agent_rounds_total", "counter", "Rounds with a process", f.rounds);
  one("heapprof_agent_failed_rounds_total", "counter", "Of these, those that failed", f.failed_rounds);
  one("heapprof_agent_requests_total", "counter", "Requests to processes", f.requests);
  one("heapprof_agent_failed_requests_total", "counter", "Of these, those that failed", f.failed_requests);
  one("heapprof_agent_signals_total", "counter", "Looks by a dump signal", f.signals);
  one("heapprof_agent_profiles_total", "counter", "Profiles collected", f.profiles);
  one("heapprof_agent_profile_bytes_total", "counter", "Bytes of these, as they are sent", f.profile_bytes);
  one("heapprof_agent_empty_profiles_total", "counter", "Profiles with nothing to tell", f.empty);
  one("heapprof_agent_unreadable_profiles_total", "counter", "Answers that were no profile", f.unreadable);
  one("heapprof_agent_named_files", "gauge", "Files whose names are known", all.files);
  one("heapprof_agent_named_places_total", "counter", "Places whose names were looked up",
      all.naming.looked_up);
  one("heapprof_agent_naming_workers_total", "counter", "Children that looked names up", all.naming.workers);
  one("heapprof_agent_failed_naming_workers_total", "counter", "Of these, those that told nothing",
      all.naming.failed);
  one("heapprof_agent_put_off_namings_total", "counter",
      "Lookups that were not made, as a file or a user has cost too much", all.naming.put_off);
  one("heapprof_agent_refused_files_total", "counter", "Files that were not those that are mapped",
      all.naming.refused);
  one("heapprof_agent_baseline_bytes", "gauge", "Memory for what processes had counted", all.baseline_bytes);
  AddTargets(all.sending, &text);
  AddOwn(&text);
  return text.Take();
}

std::string TargetsText(const std::map<pid_t, std::unique_ptr<Watched>>& all) {
  std::string text = "[";
  for (const auto& [pid, watched] : all) {
    if (!watched->endpoint || !watched->endpoint->is_port()) continue;
    text += text.size() == 1 ? "\n" : ",\n";
    text += "{\"targets\":[" + JsonString(watched->endpoint->Text()) + "],\"labels\":{";
    bool first = true;
    for (const auto& [name, value] : watched->labels) {
      if (name == "instance") continue;  // a scraper's own
      text += (first ? "" : ",") + JsonString(name) + ":" + JsonString(value);
      first = false;
    }
    text += "}}";
  }
  return text + (text.size() == 1 ? "]\n" : "\n]\n");
}

}  // namespace heapprof::tools::agent
