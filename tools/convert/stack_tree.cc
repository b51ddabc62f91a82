// SPDX-License-Identifier: Apache-2.0
#include "tools/convert/stack_tree.h"

#include <algorithm>
#include <unordered_map>

namespace heapprof::tools {

StackTree::StackTree(const View& view, const FrameTable& frames, const std::vector<size_t>& types)
    : type_count_(types.size()), nodes_(1), self_(types.size()), totals_(types.size()) {
  const Profile& profile = view.profile();
  std::unordered_map<uint64_t, uint32_t> child_of;
  for (uint32_t i = 0; i < profile.samples.size(); ++i) {
    if (!view.IsSelected(i)) continue;
    uint32_t node = 0;
    const Range<uint32_t> stack = profile.stack(profile.samples[i]);
    for (size_t at = stack.size(); at-- > 0;) {
      const Range<uint32_t> inlined = frames.frames_of(stack[at]);
      for (size_t k = inlined.size(); k-- > 0;) {
        const auto next = static_cast<uint32_t>(nodes_.size());
        const auto [found, is_new] = child_of.emplace(static_cast<uint64_t>(node) << 32 | inlined[k], next);
        if (is_new) {
          nodes_[node].children.push_back(next);
          nodes_.push_back({node, inlined[k], {}});
          self_.resize(self_.size() + type_count_);
        }
        node = found->second;
      }
    }
    const Range<int64_t> values = profile.values_of(i);
    for (size_t type = 0; type < type_count_; ++type) {
      self_[node * type_count_ + type] += values[types[type]];
      totals_[type] += values[types[type]];
    }
  }
  // Parents come before their children.
  std::vector<Sum> weight(nodes_.size());
  for (size_t node = nodes_.size(); node-- > 0;) {
    weight[node] += self_[node * type_count_];
    if (node != 0) weight[nodes_[node].parent] += weight[node];
  }
  for (Node& node : nodes_) {
    std::sort(node.children.begin(), node.children.end(), [&](uint32_t a, uint32_t b) {
      if (weight[a] != weight[b]) return weight[a] > weight[b];
      const std::string &left = frames.name(nodes_[a].frame), &right = frames.name(nodes_[b].frame);
      return left != right ? left < right : a < b;
    });
  }
}

std::vector<uint32_t> StackTree::Preorder() const {
  std::vector<uint32_t> order, left = {0};
  order.reserve(nodes_.size());
  while (!left.empty()) {
    const uint32_t node = left.back();
    left.pop_back();
    if (node != 0) order.push_back(node);
    const std::vector<uint32_t>& children = nodes_[node].children;
    left.insert(left.end(), children.rbegin(), children.rend());
  }
  return order;
}

std::vector<uint32_t> StackTree::PathTo(uint32_t node) const {
  std::vector<uint32_t> path;
  for (; node != 0; node = nodes_[node].parent) path.push_back(nodes_[node].frame);
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace heapprof::tools
