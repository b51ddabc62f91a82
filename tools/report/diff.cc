// SPDX-License-Identifier: Apache-2.0
#include "tools/report/diff.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "tools/base/failure.h"
#include "tools/profile/frames.h"

namespace heapprof::tools {
namespace {

// Sizes whose logarithms differ by less are taken together: their weights differ by less than a tenth.
constexpr double kSizesPerOctave = 8;

struct TextHash {
  size_t operator()(const std::vector<uint32_t>& ids) const {
    uint64_t hash = kGoldenRatio;
    for (const uint32_t id : ids) hash = MixBits(hash ^ id);
    return static_cast<size_t>(hash);
  }
};

// Frames that both profiles share, as numbers.
class Names {
 public:
  uint32_t IdOf(const DiffFrame& frame) {
    const auto [found, is_new] =
        ids_.emplace(std::pair(frame.name, frame.place), static_cast<uint32_t>(frames_.size()));
    if (is_new) frames_.push_back(frame);
    return found->second;
  }
  const DiffFrame& at(uint32_t id) const { return frames_[id]; }
  size_t size() const { return frames_.size(); }

 private:
  std::map<std::pair<std::string, std::string>, uint32_t> ids_;
  std::vector<DiffFrame> frames_;
};

// Whether files of one name are of one build in both. Lines move between builds.
bool AreOfOneBuild(const Profile& a, const Profile& b) {
  std::map<std::string_view, std::string_view> builds;
  for (const ProfileMapping& mapping : a.mappings)
    builds[a.text(mapping.filename)] = a.text(mapping.build_id);
  return std::all_of(b.mappings.begin(), b.mappings.end(), [&](const ProfileMapping& mapping) {
    const auto found = builds.find(b.text(mapping.filename));
    return found == builds.end() || found->second == b.text(mapping.build_id);
  });
}

// Names that more than one function has, in either profile.
std::set<std::string> SharedNames(const FrameTable& a, const FrameTable& b) {
  std::set<std::string> shared;
  for (const FrameTable* frames : {&a, &b}) {
    for (uint32_t frame = 0; frame < frames->size(); ++frame) {
      if (frames->UniqueName(frame) != frames->name(frame)) shared.insert(frames->name(frame));
    }
  }
  return shared;
}

struct Places {
  std::set<std::string> shared;
  bool with_lines = false;

  std::string Of(const FrameTable& frames, uint32_t frame) const {
    if (shared.count(frames.name(frame)) == 0) return "";
    std::string place = frames.PlaceOf(frame);
    const std::string line = ":" + std::to_string(frames.start_line(frame));
    if (!with_lines && place.size() > line.size() && place[0] != '[' &&
        place.compare(place.size() - line.size(), line.size(), line) == 0) {
      place.resize(place.size() - line.size());
    }
    return place;
  }
};

// The names of each location's frames, the innermost first.
struct NamedLocations {
  std::vector<std::vector<uint32_t>> functions;  // as `top` names them
  std::vector<std::vector<uint32_t>> exact;      // with the offset where there is no name

  NamedLocations(const Profile& profile, const FrameTable& frames, const Places& places, Names* names) {
    functions.resize(profile.locations.size());
    exact.resize(profile.locations.size());
    for (uint32_t i = 0; i < profile.locations.size(); ++i) {
      const ProfileLocation& location = profile.locations[i];
      for (const uint32_t frame : frames.frames_of(i)) {
        functions[i].push_back(names->IdOf({frames.name(frame), places.Of(frames, frame)}));
      }
      exact[i] = functions[i];
      if (location.line_count != 0) continue;
      uint64_t place = location.address;
      if (location.mapping != kNone) {
        const ProfileMapping& mapping = profile.mappings[location.mapping];
        place += mapping.offset - mapping.start;
      }
      char offset[32];
      std::snprintf(offset, sizeof offset, "+%#llx", static_cast<unsigned long long>(place));
      exact[i] = {names->IdOf({frames.name(frames.frames_of(i)[0]) + offset, ""})};
    }
  }
};

bool IsInUse(std::string_view type) { return type.substr(0, 6) == "inuse_"; }

std::string AllocatedTypeName(const View& view) { return "alloc_" + std::string(view.type_name().substr(6)); }

// Whether what was allocated is told beside what is in use. The profiles peak and growth do not: their
// differences are as uncertain as those of two processes.
bool CountsAllocations(const View& view) {
  if (!IsInUse(view.type_name())) return true;
  for (size_t i = 0; i < view.profile().type_count(); ++i) {
    if (view.profile().type_name(i) == AllocatedTypeName(view)) return true;
  }
  return false;
}

class Differ {
 public:
  Differ(const View& base, const View& now, Granularity granularity, Order order, double level)
      : base_(base),
        now_(now),
        base_frames_(base.profile(), granularity),
        now_frames_(now.profile(), granularity),
        order_(order),
        level_(level),
        one_process_(AreOfOneProcess(base.profile(), now.profile())),
        tells_between_(one_process_ && CountsAllocations(base) && CountsAllocations(now)),
        places_{SharedNames(base_frames_, now_frames_), AreOfOneBuild(base.profile(), now.profile())} {}

  Diff Make();

 private:
  // What happened to the blocks of one size of one stack.
  struct Cell {
    double base_samples = 0, new_samples = 0;
    double base_allocated = 0, new_allocated = 0;  // samples of the alloc_ type, of one process
    double certain = 0;
    double size = 0;
  };
  struct Stack {
    std::vector<uint32_t> frames, functions;
    Sum base = 0, now = 0;
    std::unordered_map<uint32_t, Cell> cells;  // by size
  };

  void Collect(const View& view, bool is_base);
  size_t AllocatedType(const View& view) const;
  void AddCells(const Stack& stack, Growth* growth) const;
  void Judge(Diff* diff) const;
  DiffLine Line(std::vector<DiffFrame> frames, Sum base, Sum now, Growth growth) const;
  Sampling SamplingOf(const Estimator& estimator, double size, bool bytes) const;

  const View& base_;
  const View& now_;
  FrameTable base_frames_, now_frames_;
  Order order_;
  double level_;
  bool one_process_;
  bool tells_between_;  // what came and went from one dump of a process to the other
  Places places_;
  Names names_;
  std::unordered_map<std::vector<uint32_t>, size_t, TextHash> stack_ids_;
  std::vector<Stack> stacks_;
};

// The type that counts allocations where the view's type counts what is in use.
size_t Differ::AllocatedType(const View& view) const {
  return FindSampleType(view.profile(), AllocatedTypeName(view));
}

void Differ::Collect(const View& view, bool is_base) {
  const Profile& profile = view.profile();
  const NamedLocations names(profile, is_base ? base_frames_ : now_frames_, places_, &names_);
  const Estimator& estimator = view.estimator();
  const bool deltas = tells_between_ && estimator.sampled() && IsInUse(view.type_name());
  const Estimator allocated(profile, deltas ? AllocatedType(view) : view.type());
  std::vector<uint32_t> key;
  const auto& selected = view.samples();
  // Stacks with nothing in use any more count where allocations are looked at, too.
  size_t at = 0;
  for (uint32_t i = 0; i < profile.samples.size(); ++i) {
    while (at < selected.size() && selected[at] < i) ++at;
    const bool in_view = at < selected.size() && selected[at] == i;
    if (!in_view && !(deltas && view.value(i) == 0 && view.IsSelected(i))) continue;
    key.clear();
    for (const uint32_t location : profile.stack(profile.samples[i])) {
      key.insert(key.end(), names.exact[location].begin(), names.exact[location].end());
    }
    const auto [found, is_new] = stack_ids_.emplace(key, stacks_.size());
    if (is_new) {
      stacks_.emplace_back();
      stacks_.back().frames = key;
      for (const uint32_t location : profile.stack(profile.samples[i])) {
        std::vector<uint32_t>& functions = stacks_.back().functions;
        functions.insert(functions.end(), names.functions[location].begin(), names.functions[location].end());
      }
    }
    Stack& stack = stacks_[found->second];
    (is_base ? stack.base : stack.now) += view.value(i);
    if (!estimator.sampled()) {
      stack.cells[0].certain += (is_base ? -1.0 : 1.0) * static_cast<double>(view.value(i));
      continue;
    }
    const double size = estimator.BlockSize(i);
    const auto size_key = static_cast<uint32_t>(size);
    Cell& cell = stack.cells[size_key];
    cell.size = size;
    (is_base ? cell.base_samples : cell.new_samples) += estimator.Of(i).samples;
    if (deltas) (is_base ? cell.base_allocated : cell.new_allocated) += allocated.Of(i).samples;
  }
}

Sampling Differ::SamplingOf(const Estimator& estimator, double size, bool bytes) const {
  if (size <= 0) return {0, estimator.tick(), 0};
  const double p = estimator.Probability(size), unit = bytes ? size : 1;
  return {p, unit / p, unit};
}

void Differ::AddCells(const Stack& stack, Growth* growth) const {
  for (const auto& [key, cell] : stack.cells) {
    if (cell.certain != 0) growth->AddCertain(cell.certain);
    double before = cell.base_samples, after = cell.new_samples;
    if (before == 0 && after == 0 && cell.base_allocated == 0 && cell.new_allocated == 0) continue;
    if (tells_between_) {
      // Blocks that are in both dumps are the same blocks, and what came and went in between is in neither:
      // what went was in use at first, and what came is in use now. How many went is not known, but no more
      // than were in use, nor than were freed.
      const double grown = after - before;
      const double freed = cell.new_allocated - cell.base_allocated - grown;
      if (cell.base_allocated != 0 || cell.new_allocated != 0) {
        const double went = std::min(std::max(freed, 0.0), before);
        before = went + std::max(-(grown + went), 0.0);
        after = std::max(grown + went, 0.0);
      }
    }
    if (before == 0 && after == 0) continue;
    const bool bytes = now_.unit() == "bytes";
    const auto size_key =
        cell.size > 0 ? static_cast<uint32_t>(std::lround(kSizesPerOctave * std::log2(cell.size))) + 1 : 0;
    growth->Add(size_key, before, SamplingOf(base_.estimator(), cell.size, bytes), after,
                SamplingOf(now_.estimator(), cell.size, bytes));
  }
}

DiffLine Differ::Line(std::vector<DiffFrame> frames, Sum base, Sum now, Growth growth) const {
  DiffLine line;
  line.frames = std::move(frames);
  line.base = base;
  line.now = now;
  line.luck = growth.Luck(1);
  line.shrink_luck = growth.Luck(-1);
  line.limits = growth.Limits();
  line.growth = std::move(growth);
  return line;
}

void Differ::Judge(Diff* diff) const {
  std::vector<DiffLine*> all = {&diff->total};
  for (DiffLine& line : diff->functions) all.push_back(&line);
  for (DiffLine& line : diff->stacks) all.push_back(&line);
  std::vector<double> least;
  least.reserve(all.size());
  for (const DiffLine* line : all) least.push_back(line->growth.LeastLuck());
  diff->family = FamilySize(std::move(least), level_);
  const double level = level_ / static_cast<double>(diff->family);
  for (DiffLine* line : all) {
    line->grew = line->luck <= level;
    line->shrank = line->shrink_luck <= level;
  }
  const auto larger = [&](const DiffLine& a, const DiffLine& b) {
    // The callers of what grew have grown, too: what asked for the memory itself is looked for.
    const double a_flat = std::fabs(static_cast<double>(a.flat_now - a.flat_base));
    const double b_flat = std::fabs(static_cast<double>(b.flat_now - b.flat_base));
    const bool by_flat = order_ == Order::kFlat;
    if (by_flat && (a_flat == 0) != (b_flat == 0)) return b_flat == 0;
    const bool a_sure = a.grew || a.shrank, b_sure = b.grew || b.shrank;
    if (a_sure != b_sure) return a_sure;
    if (by_flat && a_flat != b_flat) return a_flat > b_flat;
    const double a_size = std::fabs(static_cast<double>(a.now - a.base));
    const double b_size = std::fabs(static_cast<double>(b.now - b.base));
    if (a_size != b_size) return a_size > b_size;
    return std::lexicographical_compare(a.frames.begin(), a.frames.end(), b.frames.begin(), b.frames.end(),
                                        [](const DiffFrame& x, const DiffFrame& y) {
                                          return x.name != y.name ? x.name < y.name : x.place < y.place;
                                        });
  };
  std::sort(diff->functions.begin(), diff->functions.end(), larger);
  std::sort(diff->stacks.begin(), diff->stacks.end(), larger);
}

Diff Differ::Make() {
  Collect(base_, true);
  Collect(now_, false);
  Diff diff;
  diff.one_process = one_process_;
  diff.tells_between = tells_between_;
  diff.sampled = base_.estimator().sampled() && now_.estimator().sampled();

  struct Function {
    Sum base = 0, now = 0;
    Sum flat_base = 0, flat_now = 0;
    Growth growth;
    size_t counted = SIZE_MAX;
  };
  std::vector<Function> functions(names_.size());
  Sum base_total = 0, new_total = 0;
  Growth total;
  for (size_t i = 0; i < stacks_.size(); ++i) {
    const Stack& stack = stacks_[i];
    Growth growth;
    AddCells(stack, &growth);
    AddCells(stack, &total);
    base_total += stack.base;
    new_total += stack.now;
    for (const uint32_t name : stack.functions) {
      Function& function = functions[name];
      if (function.counted == i) continue;
      function.counted = i;
      function.base += stack.base;
      function.now += stack.now;
      AddCells(stack, &function.growth);
    }
    if (!stack.functions.empty()) {
      functions[stack.functions[0]].flat_base += stack.base;
      functions[stack.functions[0]].flat_now += stack.now;
    }
    if (stack.base == 0 && stack.now == 0) continue;
    std::vector<DiffFrame> frames;
    for (const uint32_t name : stack.frames) frames.push_back(names_.at(name));
    diff.stacks.push_back(Line(std::move(frames), stack.base, stack.now, std::move(growth)));
  }
  for (uint32_t name = 0; name < functions.size(); ++name) {
    Function& function = functions[name];
    if (function.base == 0 && function.now == 0) continue;
    diff.functions.push_back(
        Line({names_.at(name)}, function.base, function.now, std::move(function.growth)));
    diff.functions.back().flat_base = function.flat_base;
    diff.functions.back().flat_now = function.flat_now;
  }
  diff.total = Line({}, base_total, new_total, std::move(total));
  Judge(&diff);
  return diff;
}

}  // namespace

Diff MakeDiff(const View& base, const View& now, Granularity granularity, Order order, double level) {
  if (base.type_name() != now.type_name() || base.unit() != now.unit()) {
    throw Failure(Printable(now.file()) + " has no sample type " + Printable(base.type_name()) + "/" +
                  Printable(base.unit()));
  }
  return Differ(base, now, granularity, order, level).Make();
}

}  // namespace heapprof::tools
