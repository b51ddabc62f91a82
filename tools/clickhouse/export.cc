// SPDX-License-Identifier: Apache-2.0
#include "tools/clickhouse/export.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <memory>

#include "tools/base/failure.h"
#include "tools/base/output_file.h"
#include "tools/base/progress.h"
#include "tools/clickhouse/rows.h"
#include "tools/clickhouse/schema.h"
#include "tools/command/add_option.h"
#include "tools/report/naming_options.h"
#include "tools/report/report_commands.h"

namespace heapprof::tools::clickhouse {
namespace {

// Rows of one block: servers put smaller ones together, and hold each whole.
constexpr size_t kBlockRows = 250'000;

// A file's last change for a profile that does not say of when it is, as legacy ones do not.
int64_t TimeOf(const std::string& file, const Profile& profile) {
  if (profile.header.time_nanos != 0) return profile.header.time_nanos;
  struct stat status {};
  constexpr int64_t kSecond = 1'000'000'000;
  if (file != "-" && stat(file.c_str(), &status) == 0) {
    return status.st_mtim.tv_sec * kSecond + status.st_mtim.tv_nsec;
  }
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::map<std::string, std::string> LabelsOf(const Profile& profile, const std::vector<std::string>& given) {
  constexpr std::string_view kPrefix = "label.";
  std::map<std::string, std::string> labels;
  for (const int64_t comment : profile.header.comments) {
    const std::string_view line = profile.text(comment);
    const size_t colon = line.find(": ");
    if (line.substr(0, kPrefix.size()) != kPrefix || colon == std::string_view::npos) continue;
    labels[std::string(line.substr(kPrefix.size(), colon - kPrefix.size()))] = line.substr(colon + 2);
  }
  for (const std::string& pair : given) {
    const size_t equals = pair.find('=');
    labels[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return labels;
}

}  // namespace

void Export(const ExportRequest& request) {
  if (!request.schema && request.files.empty()) {
    throw Failure("export: FILE is required; see heapprof export --help");
  }
  if (!request.clickhouse) {
    throw Failure("export: --clickhouse is missing: say it, as it is the one format there is");
  }
  if (request.schema && !request.files.empty()) throw Failure("export: --schema takes no FILE");
  OutputFile out(request.out);
  if (request.schema) {
    out.Write(SchemaText(request.database, request.cluster));
    out.Commit();
    return;
  }
  if (request.out == "-" && isatty(STDOUT_FILENO) != 0) {
    throw Failure("export: rows are bytes and no text: -o FILE, or a pipe to the client");
  }
  RowWriter writer;
  Progress progress("exporting", request.files.size());
  for (const std::string& file : request.files) {
    const Profile profile = LoadNamedProfile(file, request.load);
    TellIfWithoutNames(file, profile);
    Origin origin;
    origin.kind = request.kind;
    for (const auto& label : LabelsOf(profile, request.labels)) origin.labels.push_back(label);
    origin.time_ns = TimeOf(file, profile);
    const bool is_delta = !CommentValue(profile, "delta").empty();
    origin.is_delta = is_delta || request.delta;
    origin.is_in_use_delta = !is_delta && request.delta;
    writer.Add(profile, origin);
    if (writer.rows() >= kBlockRows) out.Write(writer.TakeBlock());
    progress.Step();
  }
  out.Write(writer.TakeBlock());
  out.Commit();
}

void AddExportCommand(Command app) {
  auto request = std::make_shared<ExportRequest>();
  Command command = app->add_subcommand("export", "Write profiles as rows for a database, or its tables");
  command->add_option("FILE", request->files, "The profiles; - is standard input")->take_all();
  command->add_flag("--clickhouse", request->clickhouse, "For ClickHouse: INSERT INTO input FORMAT Native");
  command->add_option("-o,--output", request->out, "The file to write; - is standard output, as by default")
      ->option_text("OUT");
  AddRepeatedOption(command, "--label", &request->labels,
                    "A label of the process: service, instance, version, or any other (may be repeated)")
      ->check(IsPair)
      ->option_text("NAME=VALUE");
  command
      ->add_option("--profile", request->kind,
                   "What they are: heap, allocs, cpu, ...; by their types, if not given")
      ->option_text("NAME");
  command->add_flag("--delta", request->delta, "Their values are of a time each, and add up");
  AddNamingOptions(command, &request->load);
  AddMaxSizeOption(command, &request->load);
  command->add_flag("--schema", request->schema, "Write the statements that create the tables");
  command->add_option("--database", request->database, "The database of --schema")->option_text("NAME");
  command->add_option("--cluster", request->cluster, "The cluster of --schema: tables on all of its servers")
      ->option_text("NAME");
  command->callback([request] { Export(*request); });
}

}  // namespace heapprof::tools::clickhouse
