// SPDX-License-Identifier: Apache-2.0
#include "tools/flame/flame_tree.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/hash.h"
#include "tools/estimate/estimate.h"
#include "tools/names/display_name.h"

namespace heapprof::tools {
namespace {

void AddSample(double value, const Contribution& part, bool is_base, StackFigures* figures) {
  const double extra = part.weight * part.weight * part.missing;
  if (is_base) {
    figures->base += value;
    figures->base_variance += part.samples * extra;
    return;
  }
  figures->value += value;
  figures->variance += part.samples * extra;
  figures->passed_by += std::abs(value) - part.seen;
  if (part.weight * part.missing > figures->one_more) {
    figures->one_more = part.weight * part.missing;
    figures->one_more_variance = extra;
  }
}

std::string KeyOf(const std::string& name, const std::string& suffix) {
  std::string key = name;
  return key.append(1, '\n').append(suffix);
}

}  // namespace

uint32_t TextIndex::Number(std::string_view text) {
  const auto [found, is_new] = numbers_.emplace(text, static_cast<uint32_t>(texts_.size()));
  if (is_new) texts_.push_back(found->first);
  return found->second;
}

uint32_t LabelSets::Number(const Set& set) {
  const auto [found, is_new] = numbers_.emplace(set, static_cast<uint32_t>(sets_.size()));
  if (is_new) sets_.push_back(set);
  return found->second;
}

uint32_t LabelSets::NumberOf(const Profile& profile, const ProfileSample& sample) {
  Set set;
  for (const ProfileLabel& label : profile.labels_of(sample)) {
    const std::string_view key = profile.text(label.key);
    if (label.str == 0 && key == "bytes") continue;
    const uint32_t number = keys_.Number(key);
    if (number == values_.size()) values_.emplace_back();
    const std::string value =
        label.str != 0 ? std::string(profile.text(label.str)) : std::to_string(label.num);
    set.emplace_back(number, values_[number].Number(value));
  }
  if (set.empty()) return 0;
  std::sort(set.begin(), set.end());
  return Number(set);
}

size_t FlameTree::Slot(uint32_t parent, uint32_t function) const {
  const uint64_t key = ((uint64_t{parent} << 32) | function) * kGoldenRatio;
  const size_t mask = slots_.size() - 1;
  for (size_t at = (key ^ (key >> 32)) & mask;; at = (at + 1) & mask) {
    const uint32_t node = slots_[at];
    if (node == 0 || (nodes_[node].parent == parent && nodes_[node].function == function)) return at;
  }
}

void FlameTree::Grow() {
  slots_.assign(slots_.size() * 2, 0);
  for (uint32_t node = 1; node < nodes_.size(); ++node) {
    slots_[Slot(nodes_[node].parent, nodes_[node].function)] = node;
  }
}

uint32_t FlameTree::Child(uint32_t parent, uint32_t function) {
  size_t slot = Slot(parent, function);
  if (slots_[slot] != 0) return slots_[slot];
  const auto node = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back({parent, function});
  slots_[slot] = node;
  if (nodes_.size() * 2 > slots_.size()) Grow();
  return node;
}

// kNone if it is a new one. `is_only`: the table has no other frame of this name; `taken` are the functions
// that other frames of it are.
uint32_t FlameTree::FindFunction(const FrameTable& frames, uint32_t frame, bool is_only,
                                 const std::vector<bool>& taken) const {
  const auto known = by_name_.find(frames.name(frame));
  if (known == by_name_.end()) return kNone;
  const std::vector<uint32_t>& same = known->second;
  constexpr size_t kMaxSame = 64;  // more are told by their places only: a hostile file may have any number
  if (same.size() > kMaxSame) return kNone;
  uint32_t found = kNone;
  for (const uint32_t function : same) {
    if (taken[function] || files_.texts()[functions_[function].file] != frames.source(frame)) continue;
    if (found != kNone) return kNone;
    found = function;
  }
  return found != kNone ? found : is_only && same.size() == 1 && !taken[same[0]] ? same[0] : kNone;
}

std::vector<uint32_t> FlameTree::NumberFunctions(const FrameTable& frames) {
  std::vector<uint32_t> numbers(frames.size(), kNone);
  std::vector<bool> taken(functions_.size());
  std::unordered_map<std::string_view, size_t> counts;
  for (uint32_t frame = 0; frame < frames.size(); ++frame) {
    ++counts[frames.name(frame)];
    const auto found = by_place_.find(KeyOf(frames.name(frame), frames.Suffix(frame)));
    if (found == by_place_.end()) continue;
    numbers[frame] = found->second;
    taken[found->second] = true;
  }
  for (uint32_t frame = 0; frame < frames.size(); ++frame) {
    if (numbers[frame] != kNone) continue;
    const std::string &name = frames.name(frame), suffix = frames.Suffix(frame);
    const auto [place, is_new] = by_place_.emplace(KeyOf(name, suffix), kNone);
    if (is_new) place->second = FindFunction(frames, frame, counts[name] == 1, taken);
    if (place->second == kNone) {
      place->second = static_cast<uint32_t>(functions_.size());
      functions_.push_back({files_.Number(frames.source(frame)), modules_.Number(frames.module(frame)),
                            frames.start_line(frame)});
      names_.push_back(name);
      suffixes_.push_back(suffix);
      by_name_[name].push_back(place->second);
      taken.push_back(false);
    }
    numbers[frame] = place->second;
    taken[place->second] = true;
  }
  return numbers;
}

std::string FlameTree::SuffixOf(size_t function) const {
  return by_name_.at(names_[function]).size() > 1 ? suffixes_[function] : "";
}

std::vector<std::string> FlameTree::FunctionNames() const {
  std::vector<std::string> names;
  for (size_t i = 0; i < names_.size(); ++i) names.push_back(names_[i] + SuffixOf(i));
  return names;
}

std::vector<std::string> FlameTree::DisplayNames() const {
  std::vector<std::string> names(names_.size());
  std::unordered_map<std::string, size_t> seen;
  for (size_t i = 0; i < names.size(); ++i) ++seen[names[i] = DisplayName(names_[i]) + SuffixOf(i)];
  for (size_t i = 0; i < names.size(); ++i) {
    if (seen[names[i]] > 1) names[i] = DisplaySignature(names_[i]) + SuffixOf(i);
  }
  seen.clear();
  for (const std::string& one : names) ++seen[one];
  for (size_t i = 0; i < names.size(); ++i) {
    if (seen[names[i]] > 1) names[i] = names_[i] + SuffixOf(i);
  }
  return names;
}

uint32_t FlameTree::NodeOf(const FrameTable& frames, const std::vector<uint32_t>& numbers,
                           Range<uint32_t> stack) {
  uint32_t node = 0;
  for (size_t at = stack.size(); at-- > 0;) {
    const Range<uint32_t> inlined = frames.frames_of(stack[at]);
    for (size_t k = inlined.size(); k-- > 0;) node = Child(node, numbers[inlined[k]]);
  }
  return node;
}

uint32_t FlameTree::StackOf(uint32_t node, uint32_t labels) {
  const auto next = static_cast<uint32_t>(stacks_.size());
  const auto [found, is_new] = stack_of_.emplace(uint64_t{node} << 32 | labels, next);
  if (is_new) stacks_.push_back({node, node, labels});
  return found->second;
}

const StackFigures* FlameTree::figures(size_t moment, uint32_t stack) const {
  const size_t at = stack * type_count_;
  if (moment < moments_.size() && at < moments_[moment].size()) return &moments_[moment][at];
  return none_.data();
}

void FlameTree::Add(const Profile& profile, const std::vector<size_t>& types, const Part& part) {
  const FrameTable frames(profile, Granularity::kFunction);
  const std::vector<uint32_t> numbers = NumberFunctions(frames);
  std::optional<FrameTable> folded_frames;
  std::vector<uint32_t> folded_numbers;
  if (part.folded != nullptr) {
    folded_frames.emplace(*part.folded, Granularity::kFunction);
    folded_numbers = NumberFunctions(*folded_frames);
  }
  std::vector<Estimator> estimators;
  for (const size_t type : types) {
    estimators.emplace_back(profile, type);
    if (!part.is_base && estimators.back().sampled()) is_sampled_[estimators.size() - 1] = true;
  }
  if (moments_.size() <= part.moment) moments_.resize(part.moment + 1);
  std::vector<StackFigures>& all = moments_[part.moment];
  // Untouched memory costs nothing, growing a large array does; few profiles have more stacks.
  constexpr size_t kLikelyStacks = 1 << 20;
  all.reserve(all.size() + std::min(profile.samples.size(), kLikelyStacks) * type_count_);
  for (uint32_t i = 0; i < profile.samples.size(); ++i) {
    if (part.selection != nullptr && !part.selection->IsSelected(i)) continue;
    const ProfileSample& sample = profile.samples[i];
    const uint32_t node = NodeOf(frames, numbers, profile.stack(sample));
    const uint32_t stack = StackOf(node, labels_.NumberOf(profile, sample));
    if (part.folded != nullptr && stack + size_t{1} == stacks_.size() && stacks_[stack].folded == node) {
      stacks_[stack].folded =
          NodeOf(*folded_frames, folded_numbers, part.folded->stack(part.folded->samples[i]));
      has_folded_ = has_folded_ || stacks_[stack].folded != node;
    }
    if (all.size() < stacks_.size() * type_count_) all.resize(stacks_.size() * type_count_);
    const Range<int64_t> values = profile.values_of(i);
    for (size_t type = 0; type < type_count_; ++type) {
      AddSample(static_cast<double>(values[types[type]]), estimators[type].Of(i), part.is_base,
                &all[stack * type_count_ + type]);
    }
  }
}

std::vector<uint32_t> FlameTree::Preorder() const {
  // Children of one parent end up side by side, in the order of their functions' numbers.
  std::vector<uint32_t> by_parent(node_count());
  for (uint32_t i = 0; i < by_parent.size(); ++i) by_parent[i] = i + 1;
  std::sort(by_parent.begin(), by_parent.end(), [this](uint32_t a, uint32_t b) {
    return nodes_[a].parent != nodes_[b].parent ? nodes_[a].parent < nodes_[b].parent
                                                : nodes_[a].function < nodes_[b].function;
  });
  std::vector<uint32_t> first(nodes_.size() + 1, 0);
  for (const uint32_t node : by_parent) ++first[nodes_[node].parent + 1];
  for (size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
  std::vector<uint32_t> order, left = {0};
  order.reserve(node_count());
  while (!left.empty()) {
    const uint32_t node = left.back();
    left.pop_back();
    if (node != 0) order.push_back(node);
    for (uint32_t i = first[node + 1]; i-- > first[node];) left.push_back(by_parent[i]);
  }
  return order;
}

}  // namespace heapprof::tools
