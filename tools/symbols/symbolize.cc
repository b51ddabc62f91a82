// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/symbolize.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "tools/base/failure.h"
#include "tools/base/progress.h"
#include "tools/profile/interner.h"
#include "tools/profile/profile_writer.h"
#include "tools/symbols/debug_files.h"
#include "tools/symbols/demangle.h"

namespace heapprof::tools {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

class Symbolizer {
 public:
  Symbolizer(Profile* profile, const SymbolizeOptions& options)
      : profile_(*profile),
        options_(options),
        files_(options.debug_paths),
        strings_(&profile->header.strings) {
    for (uint32_t i = 0; i < profile_.functions.size(); ++i) {
      const ProfileFunction& f = profile_.functions[i];
      functions_.emplace(std::tuple(f.name, f.system_name, f.filename, f.start_line), i);
    }
  }

  SymbolizeResult Run();

 private:
  void Mapping(uint32_t mapping, const std::vector<uint32_t>& locations);
  bool Resolve(ModuleSymbols* module, ProfileLocation* location);
  uint32_t FunctionOf(const SourceFrame& frame);
  void SetFlags();

  Profile& profile_;
  const SymbolizeOptions& options_;
  DebugFiles files_;
  Interner strings_;
  SymbolizeResult result_;
  std::map<std::tuple<uint32_t, uint32_t, uint32_t, int64_t>, uint32_t> functions_;
  std::unordered_map<std::string, std::string> demangled_;
  // A file is mapped in several pieces, and opened once.
  std::map<std::pair<std::string, std::string>, std::unique_ptr<ModuleSymbols>> modules_;
  std::optional<Progress> progress_;
};

SymbolizeResult Symbolizer::Run() {
  std::vector<std::vector<uint32_t>> by_mapping(profile_.mappings.size());
  for (uint32_t i = 0; i < profile_.locations.size(); ++i) {
    const ProfileLocation& location = profile_.locations[i];
    if (location.line_count != 0) continue;
    ++result_.locations;
    if (location.mapping != kNone) by_mapping[location.mapping].push_back(i);
  }
  progress_.emplace("symbolizing", result_.locations);
  for (uint32_t mapping = 0; mapping < by_mapping.size(); ++mapping) {
    if (by_mapping[mapping].empty()) continue;
    Mapping(mapping, by_mapping[mapping]);
  }
  SetFlags();
  return result_;
}

void Symbolizer::Mapping(uint32_t mapping, const std::vector<uint32_t>& locations) {
  std::string path(profile_.text(profile_.mappings[mapping].filename));
  if (path.empty() || path[0] != '/' || path.compare(0, 2, "//") == 0) return;  // [vdso], //anon
  if (path.size() > kDeleted.size() &&
      path.compare(path.size() - kDeleted.size(), kDeleted.size(), kDeleted) == 0) {
    path.resize(path.size() - kDeleted.size());
  }
  std::string build_id(profile_.text(profile_.mappings[mapping].build_id));
  std::transform(build_id.begin(), build_id.end(), build_id.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c); });
  const auto [found, is_new] = modules_.try_emplace({path, build_id});
  if (is_new) {
    std::string reason;
    found->second = files_.Open(path, build_id, &reason);
    if (found->second == nullptr && !options_.quiet) {
      Tell(Printable(path) + " is not used: " + reason);
    }
  }
  for (const uint32_t location : locations) {
    if (found->second != nullptr && Resolve(found->second.get(), &profile_.locations[location])) {
      ++result_.resolved;
    }
    progress_->Step();
  }
}

bool Symbolizer::Resolve(ModuleSymbols* module, ProfileLocation* location) {
  const ProfileMapping& mapping = profile_.mappings[location->mapping];
  const auto address = module->Unbias(location->address, mapping.start, mapping.offset);
  if (!address) return false;
  const std::vector<SourceFrame> frames = module->FramesAt(*address);
  if (frames.empty() || profile_.lines.size() + frames.size() >= kNone) return false;
  location->first_line = static_cast<uint32_t>(profile_.lines.size());
  location->line_count = static_cast<uint32_t>(frames.size());
  for (const SourceFrame& frame : frames) profile_.lines.push_back({FunctionOf(frame), frame.line});
  return true;
}

uint32_t Symbolizer::FunctionOf(const SourceFrame& frame) {
  const auto [name, is_new_name] = demangled_.try_emplace(frame.symbol);
  if (is_new_name) name->second = Demangle(frame.symbol);
  ProfileFunction function;
  function.name = strings_.Intern(name->second);
  function.system_name = strings_.Intern(frame.symbol);
  function.filename = strings_.Intern(frame.file);
  function.start_line = frame.start_line;
  const auto [found, is_new] = functions_.emplace(
      std::tuple(function.name, function.system_name, function.filename, function.start_line),
      static_cast<uint32_t>(profile_.functions.size()));
  if (is_new) profile_.functions.push_back(function);
  return found->second;
}

// Readers take these as "nothing is left to do here": they hold only where every location is resolved.
void Symbolizer::SetFlags() {
  struct Known {
    bool any = false, functions = true, filenames = true, lines = true, inlines = false;
  };
  std::vector<Known> all(profile_.mappings.size());
  for (const ProfileLocation& location : profile_.locations) {
    if (location.mapping == kNone) continue;
    Known& known = all[location.mapping];
    known.any = true;
    known.inlines = known.inlines || location.line_count > 1;
    if (location.line_count == 0) known.functions = known.filenames = known.lines = false;
    for (const ProfileLine& line : profile_.lines_of(location)) {
      known.functions = known.functions && line.function != kNone;
      known.filenames =
          known.filenames && line.function != kNone && profile_.functions[line.function].filename != 0;
      known.lines = known.lines && line.line != 0;
    }
  }
  for (size_t i = 0; i < all.size(); ++i) {
    ProfileMapping& mapping = profile_.mappings[i];
    const bool complete = all[i].any && all[i].functions;
    mapping.has_functions = mapping.has_functions || complete;
    mapping.has_filenames = mapping.has_filenames || (complete && all[i].filenames);
    mapping.has_line_numbers = mapping.has_line_numbers || (complete && all[i].lines);
    mapping.has_inline_frames = mapping.has_inline_frames || (complete && all[i].lines && all[i].inlines);
  }
}

}  // namespace

SymbolizeResult Symbolize(Profile* profile, const SymbolizeOptions& options) {
  return Symbolizer(profile, options).Run();
}

void SymbolizeFile(const SymbolizeRequest& request) {
  LoadOptions load = request.load;
  load.apply_drop_frames = false;  // readers drop them
  Profile profile = LoadNamedProfile(request.in, load);
  const SymbolizeResult result = Symbolize(&profile, request.options);
  WriteProfile(profile, request.out);
  if (isatty(STDERR_FILENO) == 0) return;
  Tell(Printable(request.out) + ": " + std::to_string(result.resolved) + " of " +
       std::to_string(result.locations) + " locations resolved");
}

}  // namespace heapprof::tools
