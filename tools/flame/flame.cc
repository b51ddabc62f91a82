// SPDX-License-Identifier: Apache-2.0
#include "tools/flame/flame.h"

#include <cstdio>
#include <memory>
#include <optional>

#include "tools/base/failure.h"
#include "tools/base/output_file.h"
#include "tools/base/output_name.h"
#include "tools/flame/flame_data.h"
#include "tools/flame/flame_page.h"
#include "tools/flame/flame_tree.h"
#include "tools/profile/load.h"
#include "tools/report/naming_options.h"
#include "tools/report/report_commands.h"

namespace heapprof::tools {
namespace {

void WritePage(const std::string& name, const std::string& data) {
  OutputFile page(name);
  for (const std::string_view piece : {kPageHead, std::string_view(data), kPageTail}) page.Write(piece);
  page.Commit();
}

// The types that both profiles have, as indices: `of_file` and `of_base` go side by side.
struct SharedTypes {
  std::vector<size_t> of_file, of_base;
};

SharedTypes FindSharedTypes(const Profile& profile, const Profile* base, const FlameRequest& request) {
  SharedTypes types;
  for (size_t i = 0; i < profile.type_count(); ++i) {
    if (base == nullptr) {
      types.of_file.push_back(i);
      continue;
    }
    for (size_t k = 0; k < base->type_count(); ++k) {
      if (profile.type_name(i) != base->type_name(k) || profile.unit_name(i) != base->unit_name(k)) continue;
      types.of_file.push_back(i);
      types.of_base.push_back(k);
      break;
    }
  }
  if (types.of_file.empty()) {
    throw Failure(Printable(request.base) + ": has no sample type of " + Printable(request.file));
  }
  return types;
}

}  // namespace

void Flame(const FlameRequest& request) {
  if (request.file == "-" && request.base == "-") throw Failure("flame: both profiles are standard input");
  const Profile profile = LoadNamedProfile(request.file, request.load);
  TellIfWithoutNames(request.file, profile);
  std::optional<Profile> base;
  if (!request.base.empty()) base = LoadNamedProfile(request.base, request.load);

  FlameInput input;
  input.profile = &profile;
  input.file = request.file == "-" ? "standard input" : std::string(BaseName(request.file));
  const SharedTypes types = FindSharedTypes(profile, base ? &*base : nullptr, request);
  input.types = types.of_file;
  const size_t wanted = FindSampleType(profile, request.type);
  bool found = false;
  for (size_t i = 0; i < input.types.size(); ++i) {
    if (input.types[i] == wanted) input.default_type = i, found = true;
  }
  if (!found && !request.type.empty()) {
    throw Failure(Printable(request.base) + ": has no sample type " + Printable(request.type));
  }
  FlameTree tree(input.types.size());
  tree.Add(profile, types.of_file, false);
  if (base) {
    input.base = &*base;
    input.base_file = request.base == "-" ? "standard input" : std::string(BaseName(request.base));
    input.one_process = AreOfOneProcess(profile, *base);
    tree.Add(*base, types.of_base, true);
    input.notes.push_back(
        input.one_process ? "Both are dumps of one process: only what was allocated and freed between them "
                            "varies by sampling."
                          : "Dumps of two processes: both vary by sampling.");
  }
  const std::string name = request.output.empty() ? OutputName(request.file, ".html") : request.output;
  WritePage(name, PackData(FlameData(input, tree)));
  if (name != "-") std::printf("%s\n", name.c_str());
}

void AddFlameCommand(CLI::App* app) {
  auto request = std::make_shared<FlameRequest>();
  CLI::App* flame = app->add_subcommand("flame", "Write a flame graph as one HTML page, and print its name");
  flame->add_option("FILE", request->file, "The profile; - is standard input")->required();
  flame->add_option("-o,--output", request->output, "The page; - is standard output")->option_text("PAGE");
  flame->add_option("--diff", request->base, "Show what changed since this profile")->option_text("BASE");
  flame->add_option("--type", request->type, "The sample type that is shown first")->option_text("TYPE");
  AddNamingOptions(flame, &request->load);
  AddMaxSizeOption(flame, &request->load);
  flame->callback([request] { Flame(*request); });
}

}  // namespace heapprof::tools
