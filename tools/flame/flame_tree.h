// SPDX-License-Identifier: Apache-2.0
// The stacks of a profile, or of a base and a new one, as one tree of functions with the threads' first
// frames at its root. Stacks that differ in lines or addresses only are one.
//
// Figures are doubles: sums of hostile 64-bit values must not wrap, and the page has no other numbers.
// Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_FLAME_FLAME_TREE_H_
#define HEAPPROF_TOOLS_FLAME_FLAME_TREE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tools/flame/flame_noise.h"
#include "tools/profile/frames.h"
#include "tools/profile/profile.h"

namespace heapprof::tools {

// Numbers texts in the order in which they come. Texts are kept.
class TextIndex {
 public:
  uint32_t Number(std::string_view text);
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::unordered_map<std::string, uint32_t> numbers_;
  std::vector<std::string> texts_;
};

class FlameTree {
 public:
  struct Node {
    uint32_t parent = 0, function = 0;
    uint32_t stack = kNone;  // an entry of the figures, where stacks end here
  };
  struct Function {
    uint32_t file = 0, module = 0;  // numbers in files() and modules()
  };

  explicit FlameTree(size_t type_count) : type_count_(type_count), is_sampled_(type_count) {
    nodes_.emplace_back();
  }

  // Adds the samples of `profile`. `types[i]` is the profile's sample type that is the tree's type i.
  void Add(const Profile& profile, const std::vector<size_t>& types, bool is_base);

  // The nodes without the root, each behind its parent and before its parent's next child.
  std::vector<uint32_t> Preorder() const;

  const Node& node(uint32_t node) const { return nodes_[node]; }
  // Those of a stack, one for each type.
  const StackFigures* figures(uint32_t stack) const { return &figures_[stack * type_count_]; }
  size_t type_count() const { return type_count_; }
  // Whether the new profile's values of the type are estimates, and their variances are known.
  bool is_sampled(size_t type) const { return is_sampled_[type]; }
  size_t node_count() const { return nodes_.size() - 1; }
  size_t stack_count() const { return figures_.size() / type_count_; }
  const std::vector<std::string>& function_names() const { return names_.texts(); }
  const std::vector<Function>& functions() const { return functions_; }
  const std::vector<std::string>& files() const { return files_.texts(); }
  const std::vector<std::string>& modules() const { return modules_.texts(); }

 private:
  std::vector<uint32_t> NumberFunctions(const FrameTable& frames);
  uint32_t Child(uint32_t parent, uint32_t function);
  void Grow();
  size_t Slot(uint32_t parent, uint32_t function) const;

  size_t type_count_;
  std::vector<Node> nodes_;  // 0 is the root
  std::vector<uint32_t> slots_ =
      std::vector<uint32_t>(1024);  // nodes by parent and function; at most half full
  std::vector<StackFigures> figures_;
  std::vector<bool> is_sampled_;  // by type
  TextIndex names_, files_, modules_;
  std::vector<Function> functions_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_FLAME_FLAME_TREE_H_
