// SPDX-License-Identifier: Apache-2.0
// The stacks of a view as a tree of frames with the roots' callers on top: what formats of other tools are
// written from. Sums are exact.
//
// Thread-safety: reading, yes.
#ifndef HEAPPROF_TOOLS_CONVERT_STACK_TREE_H_
#define HEAPPROF_TOOLS_CONVERT_STACK_TREE_H_

#include <cstdint>
#include <vector>

#include "tools/profile/frames.h"
#include "tools/report/view.h"

namespace heapprof::tools {

class StackTree {
 public:
  struct Node {
    uint32_t parent = 0, frame = kNone;
    std::vector<uint32_t> children;  // the heaviest first, by the first of `types`
  };

  // Of the samples that `view` selects, with the values of the sample types `types`.
  StackTree(const View& view, const FrameTable& frames, const std::vector<size_t>& types);

  // Node 0 is above all roots, and holds what samples without a stack do.
  const Node& node(uint32_t node) const { return nodes_[node]; }
  size_t size() const { return nodes_.size(); }
  // What ended at `node`, of `types[type]`.
  Sum self(uint32_t node, size_t type) const { return self_[node * type_count_ + type]; }
  Sum total(size_t type) const { return totals_[type]; }
  // All nodes but 0, each before its children, heavy ones first.
  std::vector<uint32_t> Preorder() const;
  // The frames from the root to `node`.
  std::vector<uint32_t> PathTo(uint32_t node) const;

 private:
  size_t type_count_;
  std::vector<Node> nodes_;
  std::vector<Sum> self_, totals_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_CONVERT_STACK_TREE_H_
