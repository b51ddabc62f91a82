// SPDX-License-Identifier: Apache-2.0
#include "tools/flame/flame.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "tools/base/failure.h"
#include "tools/base/output_file.h"
#include "tools/base/output_name.h"
#include "tools/command/add_option.h"
#include "tools/flame/flame_data.h"
#include "tools/flame/flame_page.h"
#include "tools/flame/flame_tree.h"
#include "tools/profile/input_files.h"
#include "tools/profile/load.h"
#include "tools/profile/sum.h"
#include "tools/report/report.h"
#include "tools/report/report_commands.h"

namespace heapprof::tools {
namespace {

void WritePage(const std::string& name, const std::string& data) {
  OutputFile page(name);
  for (const std::string_view piece : {kPageHead, std::string_view(data), kPageTail}) page.Write(piece);
  page.Commit();
}

std::string ShownName(const std::string& file) {
  return file == "-" ? "standard input" : std::string(BaseName(file));
}

// The type of `profile` that is called as the type `type` of `other`; kNone if there is none.
size_t FindType(const Profile& profile, const Profile& other, size_t type) {
  for (size_t i = 0; i < profile.type_count(); ++i) {
    if (profile.type_name(i) == other.type_name(type) && profile.unit_name(i) == other.unit_name(type)) {
      return i;
    }
  }
  return kNone;
}

size_t TypeOf(const std::string& file, const Profile& profile, const std::string& name) try {
  return FindSampleType(profile, name);
} catch (const Failure& failure) {
  throw Failure(Printable(file) + " " + failure.what(), failure.status());
}

// A profile with the frames of wrappers, and without them.
struct Views {
  Views(const std::string& file, const Profile& profile, const ViewOptions& options)
      : folded(file, profile, With(options, false)), whole(file, profile, With(options, true)) {}

  FlameTree::Part Part(size_t moment, bool is_base) const {
    FlameTree::Part part;
    part.folded = &folded.profile();
    part.selection = &whole;
    part.moment = moment;
    part.is_base = is_base;
    return part;
  }

  View folded, whole;

 private:
  static ViewOptions With(ViewOptions options, bool unfold) {
    options.unfold = unfold;
    return options;
  }
};

// The types of `profile` that `base` has too (all, if there is no base).
std::vector<size_t> FindSharedTypes(const Profile& profile, const Profile* base,
                                    const FlameRequest& request) {
  std::vector<size_t> types;
  for (size_t i = 0; i < profile.type_count(); ++i) {
    if (base == nullptr || FindType(*base, profile, i) != kNone) types.push_back(i);
  }
  if (types.empty()) {
    throw Failure(Printable(request.base) + ": has no sample type of " + Printable(request.files.front()));
  }
  return types;
}

// The types of `other` that are called as `types` of `profile`. Errors: Failure, where one is missing.
std::vector<size_t> SameTypes(const std::string& file, const Profile& other, const Profile& profile,
                              const std::vector<size_t>& types) {
  std::vector<size_t> same;
  for (const size_t type : types) {
    same.push_back(FindType(other, profile, type));
    if (same.back() == kNone) {
      throw Failure(Printable(file) + ": has no sample type " + Printable(profile.type_name(type)));
    }
  }
  return same;
}

void CheckRequest(const FlameRequest& request) {
  if (request.files.size() > 1 && !request.base.empty()) {
    throw Failure("flame: --diff shows the change to one FILE; without it several FILEs are a timeline");
  }
  const auto inputs = std::count(request.files.begin(), request.files.end(), "-");
  if (inputs == 1 && request.base == "-") throw Failure("flame: both profiles are standard input");
  if (inputs > 1) throw Failure("flame: standard input is one profile");
  if (request.source.embed && request.source.files.roots.empty()) {
    throw Failure("flame: --embed-source puts in what lies below a --source-root, and there is none");
  }
}

}  // namespace

void Flame(const FlameRequest& asked) {
  FlameRequest request = asked;
  Profile profile;
  if (request.sum) {
    NamedProfileSum sum = LoadSum(request.files, request.view.load);
    request.files = {sum.name};
    profile = std::move(sum.profile);
    CheckRequest(request);
  } else {
    request.files = InputFiles(request.files);
    CheckRequest(request);
    profile = LoadNamedProfile(request.files.front(), request.view.load);
  }
  FlameInput input;
  std::optional<Profile> base;
  if (!request.base.empty()) base = LoadSum({request.base}, request.view.load).profile;
  const std::vector<size_t> types = FindSharedTypes(profile, base ? &*base : nullptr, request);
  const size_t wanted = TypeOf(request.files.front(), profile, request.view.type);
  const auto place = std::find(types.begin(), types.end(), wanted);
  if (place == types.end() && !request.view.type.empty()) {
    throw Failure(Printable(request.base) + ": has no sample type " + Printable(request.view.type));
  }
  input.default_type = place == types.end() ? 0 : static_cast<size_t>(place - types.begin());

  ViewOptions options = request.view;
  options.type = std::string(profile.type_name(types[input.default_type]));
  // Whether a function behaves as a wrapper can differ between profiles, and its stacks would seem to move.
  options.fold_by_behaviour = request.files.size() == 1 && !base;
  FlameTree tree(types.size());
  std::unique_ptr<Views> shown;  // the last in time
  for (size_t i = 0; i < request.files.size(); ++i) {
    const std::string& file = request.files[i];
    const Profile next = i == 0 ? profile : LoadNamedProfile(file, request.view.load);
    const std::vector<size_t> its_types = SameTypes(file, next, profile, types);
    auto views = std::make_unique<Views>(file, next, options);
    TellOfView(views->whole, Granularity::kFunction);
    tree.Add(views->whole.profile(), its_types, views->Part(i, false));
    input.moments.push_back({ShownName(file), next.header.time_nanos, i});
    if (shown != nullptr && next.header.time_nanos < shown->whole.profile().header.time_nanos) continue;
    shown = std::move(views);
    input.types = its_types;
  }
  std::stable_sort(input.moments.begin(), input.moments.end(),
                   [](const auto& a, const auto& b) { return a.time_nanos < b.time_nanos; });
  if (base) {
    const Views views(request.base, *base, options);
    tree.Add(views.whole.profile(), SameTypes(request.base, *base, profile, types), views.Part(0, true));
    input.base = &*base;
    input.base_file = ShownName(request.base);
    input.one_process = AreOfOneProcess(profile, *base);
    input.notes.emplace_back(
        input.one_process ? "Both are dumps of one process: only what was allocated and freed between them "
                            "varies by sampling."
                          : "Dumps of two processes: both vary by sampling.");
  }
  input.profile = &shown->whole.profile();
  input.unfold = request.view.unfold;
  constexpr size_t kNoteColumns = 300;
  input.folded = FoldedText(shown->folded.folded(), kNoteColumns);

  FlameSource source(request.source, &tree);
  SourceOptions source_options = request.source.files;
  source_options.only_below_roots = request.source.embed;
  SourceFiles sources(source_options);
  if (!source_options.roots.empty() || !request.source.link.empty()) {
    source.Add(*input.profile, input.types, shown->Part(0, false));
    input.source = &source;
  }
  const std::string data = PackData(FlameData(input, tree, &sources));
  TellOfSources(sources, input.profile->header.time_nanos);
  const std::string name = request.output.empty() ? OutputName(asked.files.front(), ".html") : request.output;
  WritePage(name, data);
  if (name != "-") std::printf("%s\n", Printable(name).c_str());
}

void AddFlameCommand(Command app) {
  auto request = std::make_shared<FlameRequest>();
  Command flame = app->add_subcommand("flame", "Write a flame graph as one HTML page, and print its name");
  flame
      ->add_option(
          "FILE", request->files,
          "The profile; - is standard input; several, of a folder or a list @FILE, too, are a timeline")
      ->required()
      ->take_all();
  flame->add_option("-o,--output", request->output, "The page; - is standard output")->option_text("PAGE");
  flame
      ->add_option("--diff", request->base,
                   "Show what changed since this profile, or the sum of a folder or list")
      ->option_text("BASE");
  flame->add_flag("--sum", request->sum, "Several profiles add up");
  AddViewOptions(flame, &request->view);
  AddSumOption(flame, &request->view.load);
  AddSourceOptions(flame, &request->source.files);
  flame->add_flag("--embed-source", request->source.embed,
                  "Put the text around each line into the page, from below --source-root");
  flame
      ->add_option("--source-link", request->source.link,
                   "Where the page's links to lines lead: an address with {path} and {line}")
      ->option_text("URL");
  flame->callback([request] { Flame(*request); });
}

}  // namespace heapprof::tools
