// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/watch_look.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tools/base/failure.h"
#include "tools/estimate/estimate.h"
#include "tools/names/display_name.h"
#include "tools/profile/frames.h"
#include "tools/report/view.h"

namespace heapprof::tools {
namespace {

// Pseudo frames of the profile `memory`, and what the screen calls them.
constexpr struct {
  const char *frame, *name;
  char letter;
} kCauses[] = {{"[live blocks]", "live blocks", 'L'},
               {"[rounding to size classes]", "rounding", 'r'},
               {"[free in slabs]", "free in slabs", 's'},
               {"[thread caches]", "thread caches", 'c'},
               {"[dirty and muzzy pages]", "dirty pages", 'd'},
               {"[allocator's own]", "allocator's", 'a'},
               {"[mapped by the program]", "mapped", 'M'},
               {"[thread stacks]", "stacks", 'S'},
               {"[thread-local storage]", "TLS", 't'},
               {"[files]", "files", 'F'},
               {"[shared memory]", "shared", 'm'},
               {"[heapprof's own]", "heapprof", 'h'},
               {"[not explained]", "not explained", '?'}};
constexpr char kOther[] = "other";

std::string NameOfCause(const std::string& frame) {
  for (const auto& cause : kCauses) {
    if (frame == cause.frame) return cause.name;
  }
  return kOther;
}

void ReadMemory(const std::string& file, WatchLook* look) {
  const Profile profile = LoadNamedProfile(file);
  if (profile.type_name(0) != "resident") throw Failure(Printable(file) + " is no memory profile");
  const FrameTable frames(profile, Granularity::kFunction);
  std::map<std::string, double> causes;
  for (size_t i = 0; i < profile.samples.size(); ++i) {
    const auto stack = profile.stack(profile.samples[i]);
    // The root is the last: a cause, or [heap], whose parts are the causes.
    std::string name;
    for (size_t k = stack.size(); k > 0; --k) {
      name = frames.name(frames.frames_of(stack[k - 1])[0]);
      if (name != "[heap]") break;
    }
    const auto bytes = static_cast<double>(profile.values_of(i)[0]);
    causes[NameOfCause(name)] += bytes;
    look->resident += bytes;
  }
  for (const auto& [name, bytes] : causes) look->causes.push_back({name, bytes});
  std::stable_sort(look->causes.begin(), look->causes.end(),
                   [](const CauseBytes& a, const CauseBytes& b) { return a.bytes > b.bytes; });
}

double Variance(const Contribution& one, double samples) {
  return samples * one.weight * one.weight * one.missing;
}

void ReadHeap(const std::string& file, const LoadOptions& naming, WatchLook* look) {
  ViewOptions options;
  options.type = "inuse_space";
  options.fold_by_behaviour = false;
  options.load = naming;
  const View view(file, options);
  const Profile& profile = view.profile();
  const size_t allocated_type = FindSampleType(profile, "alloc_space");
  const Estimator in_use(profile, view.type()), allocated(profile, allocated_type);
  const FrameTable frames(profile, Granularity::kFunction);
  std::map<uint32_t, std::string> names;  // of frames
  for (size_t i = 0; i < profile.samples.size(); ++i) {
    const auto stack = profile.stack(profile.samples[i]);
    std::string name = "[no stack]";
    if (!stack.empty()) {
      const uint32_t frame = frames.frames_of(stack[0])[0];
      auto [known, is_new] = names.emplace(frame, "");
      if (is_new) known->second = DisplayName(frames.name(frame));
      name = known->second;
    }
    FunctionCounts& counts = look->functions[name];
    const auto live = static_cast<double>(profile.values_of(i)[view.type()]);
    const auto all = static_cast<double>(profile.values_of(i)[allocated_type]);
    counts.live += live;
    counts.allocated += all;
    look->live += live;
    look->allocated += all;
    if (!allocated.sampled()) continue;
    const Contribution ever = allocated.Of(i);
    const double live_samples = live != 0 ? in_use.Of(i).samples : 0;
    counts.allocated_variance += Variance(ever, ever.samples);
    counts.freed_variance += Variance(ever, std::max(ever.samples - live_samples, 0.0));
  }
}

}  // namespace

WatchLook ReadLook(const std::string& memory_file, const std::string& heap_file, const LoadOptions& naming) {
  WatchLook look;
  ReadMemory(memory_file, &look);
  ReadHeap(heap_file, naming, &look);
  return look;
}

char LetterOfCause(const std::string& name) {
  for (const auto& cause : kCauses) {
    if (name == cause.name) return cause.letter;
  }
  return 'o';
}

}  // namespace heapprof::tools
