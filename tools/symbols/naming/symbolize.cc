// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/naming/symbolize.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/progress.h"
#include "tools/blame/emergency_pool.h"
#include "tools/profile/profile_writer.h"
#include "tools/symbols/naming/frame_writer.h"
#include "tools/symbols/naming/function_starts.h"
#include "tools/symbols/sources/jit_dump.h"
#include "tools/symbols/sources/perf_map.h"

namespace heapprof::tools {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

// For each mapping, the start of the code of its image: of the lowest of those mappings that follow each
// other in the file and in memory.
std::vector<uint64_t> CodeStarts(const Profile& profile) {
  const auto key = [&](uint32_t i) {
    const ProfileMapping& mapping = profile.mappings[i];
    return std::tuple(mapping.filename, mapping.build_id, mapping.start);
  };
  std::vector<uint32_t> order(profile.mappings.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return key(a) < key(b); });
  std::vector<uint64_t> starts(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const ProfileMapping& mapping = profile.mappings[order[i]];
    starts[order[i]] = mapping.start;
    if (i == 0) continue;
    const ProfileMapping& before = profile.mappings[order[i - 1]];
    if (before.filename == mapping.filename && before.build_id == mapping.build_id &&
        before.offset < mapping.offset) {
      starts[order[i]] = starts[order[i - 1]];
    }
  }
  return starts;
}

// The locations without names, by mapping, in ascending order of their addresses.
std::vector<std::vector<uint32_t>> Unnamed(const Profile& profile, bool only_untouched, size_t* count) {
  std::vector<std::vector<uint32_t>> unnamed(profile.mappings.size());
  std::vector<bool> touched(profile.mappings.size());
  *count = 0;
  for (uint32_t i = 0; i < profile.locations.size(); ++i) {
    const ProfileLocation& location = profile.locations[i];
    if (location.line_count == 0) {
      ++*count;
      if (location.mapping != kNone) unnamed[location.mapping].push_back(i);
    } else if (location.mapping != kNone) {
      touched[location.mapping] = true;
    }
  }
  for (size_t i = 0; i < unnamed.size(); ++i) {
    if (only_untouched && touched[i]) unnamed[i].clear();
    std::sort(unnamed[i].begin(), unnamed[i].end(), [&](uint32_t a, uint32_t b) {
      return profile.locations[a].address < profile.locations[b].address;
    });
  }
  return unnamed;
}

// Names of code that is in no file. Returns how many locations got one.
size_t NameMadeCode(Profile* profile, const std::vector<uint32_t>& locations, const LivingProcess& process,
                    FrameWriter* writer) {
  if (locations.empty()) return 0;
  JitDump dump;
  for (const ProfileMapping& mapping : profile->mappings) {
    const std::string path(profile->text(mapping.filename));
    if (dump.empty() && JitDump::IsName(path)) dump = JitDump(ReadOfProcess(path, process), process.pid());
  }
  const PerfMap map(process);
  size_t named = 0;
  for (const uint32_t at : locations) {
    ProfileLocation* location = &profile->locations[at];
    SourceFrame frame = dump.At(location->address);
    if (frame.symbol.empty()) frame = map.At(location->address);
    if (!frame.symbol.empty() && writer->Write({frame}, location)) ++named;
  }
  return named;
}

}  // namespace

Symbolizer::Symbolizer(SymbolizeOptions options)
    : options_(std::move(options)),
      files_(options_.debug_paths, options_.debuginfod),
      cache_(CacheFolder(CacheFolder::OfUser())) {}

ModuleNames* Symbolizer::ModuleOf(const Profile& profile, uint32_t index, const LivingProcess& process) {
  const ProfileMapping& mapping = profile.mappings[index];
  std::string path(profile.text(mapping.filename));
  if (path.empty() || path[0] != '/' || path.compare(0, 2, "//") == 0) return nullptr;  // [vdso], //anon
  if (path.size() > kDeleted.size() &&
      path.compare(path.size() - kDeleted.size(), kDeleted.size(), kDeleted) == 0) {
    path.resize(path.size() - kDeleted.size());
  }
  std::string build_id(profile.text(mapping.build_id));
  std::transform(build_id.begin(), build_id.end(), build_id.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c); });
  std::unique_ptr<ModuleNames>& module = modules_[{path, build_id}];
  if (module == nullptr) {
    const bool is_program = mapping.filename == profile.mappings[0].filename;
    module = std::make_unique<ModuleNames>(
        path, build_id, process.PlacesOf(path, mapping.start, mapping.limit, is_program), &files_, &cache_);
  }
  return module.get();
}

SymbolizeResult Symbolizer::Run(Profile* profile) {
  profile->looked_up = true;
  SymbolizeResult result;
  const auto unnamed = Unnamed(*profile, options_.only_unnamed, &result.locations);
  if (result.locations == 0) return result;
  const LivingProcess process(*profile);
  const std::vector<uint64_t> code_starts = CodeStarts(*profile);
  FrameWriter writer(profile);
  Progress progress("symbolizing", result.locations);
  std::map<ModuleNames*, size_t> left;  // locations without a name, of files of which none has one
  std::set<ModuleNames*> named;
  std::vector<uint32_t> made;  // locations in code that is in no file
  for (uint32_t i = 0; i < unnamed.size(); ++i) {
    const ProfileMapping& mapping = profile->mappings[i];
    ModuleNames* module = unnamed[i].empty() ? nullptr : ModuleOf(*profile, i, process);
    if (module == nullptr) {
      made.insert(made.end(), unnamed[i].begin(), unnamed[i].end());
      continue;
    }
    size_t resolved = 0;
    for (const uint32_t at : unnamed[i]) {
      ProfileLocation* location = &profile->locations[at];
      const uint64_t offset = location->address - mapping.start + mapping.offset;
      if (writer.Write(module->FramesAt(offset, location->address - code_starts[i]), location)) ++resolved;
      progress.Step();
    }
    module->Keep();
    result.resolved += resolved;
    left[module] += unnamed[i].size() - resolved;
    if (resolved != 0) named.insert(module);
  }
  result.resolved += NameMadeCode(profile, made, process, &writer);
  writer.SetFlags();
  for (ModuleNames* module : named) {
    left.erase(module);
    WarnOf(*profile, *module);
  }
  if (options_.only_unnamed) FindFunctionStarts(profile);
  for (const uint32_t at : NameEmergencyPool(profile)) {
    const uint32_t mapping = profile->locations[at].mapping;
    ModuleNames* module = mapping == kNone ? nullptr : ModuleOf(*profile, mapping, process);
    const auto of_module = left.find(module);
    if (of_module != left.end() && --of_module->second == 0) left.erase(of_module);
  }
  if (!options_.quiet) TellOf(left);
  return result;
}

void Symbolizer::TellOf(const std::map<ModuleNames*, size_t>& unnamed) {
  std::vector<std::pair<size_t, const ModuleNames*>> order;
  for (const auto& [module, locations] : unnamed) {
    if (!module->reason().empty() && told_.insert(module).second) order.emplace_back(locations, module);
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second->path() < b.second->path();
  });
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == options_.max_told) {
      Tell(Counted(order.size() - i, "more file") + (order.size() - i == 1 ? " is" : " are") +
           " without names; heapprof symbolize tells of all");
      break;
    }
    const ModuleNames& module = *order[i].second;
    const std::string id =
        module.build_id().empty() ? "" : " (build id " + ShortBuildId(module.build_id()) + ")";
    Tell(Printable(module.path()) + id + ": " + module.reason());
  }
}

void Symbolizer::WarnOf(const Profile& profile, const ModuleNames& module) {
  const SymbolFile* file = module.opened();
  if (file == nullptr || (options_.quiet && !options_.warn)) return;
  std::string warning = module.warning().empty() ? "" : ": " + module.warning();
  struct stat status;
  constexpr int64_t kNanos = 1'000'000'000;
  if (warning.empty() && module.build_id().empty() && profile.header.time_nanos > 0 &&
      stat(file->path().c_str(), &status) == 0 &&
      status.st_mtim.tv_sec > profile.header.time_nanos / kNanos) {
    warning = " is newer than the profile, which knows no build id of it: its names may be wrong";
  }
  if (warning.empty() || !told_.insert(&module).second) return;
  warning = "warning: " + Printable(module.path()) + warning;
  options_.warn ? options_.warn(warning) : Tell(warning);
}

SymbolizeResult Symbolize(Profile* profile, const SymbolizeOptions& options) {
  return Symbolizer(options).Run(profile);
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
