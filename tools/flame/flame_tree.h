// SPDX-License-Identifier: Apache-2.0
// The stacks of a profile, of a base and a new one, or of several moments, as one tree of functions with the
// threads' first frames at its root. Stacks that differ in lines or addresses only are one. A stack ends at
// two nodes, one with the frames of wrappers and one without, so that a reader chooses between them.
//
// Figures are doubles: sums of hostile 64-bit values must not wrap, and the page has no other numbers.
// Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_FLAME_FLAME_TREE_H_
#define HEAPPROF_TOOLS_FLAME_FLAME_TREE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tools/flame/flame_noise.h"
#include "tools/profile/frames.h"
#include "tools/profile/profile.h"
#include "tools/report/view.h"

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

// Numbers the labels of samples, but for the size of the blocks, which nearly every sample has its own of.
class LabelSets {
 public:
  // Pairs of a key's number in keys() and a value's in values(key), in the order of the keys.
  using Set = std::vector<std::pair<uint32_t, uint32_t>>;

  LabelSets() { Number({}); }
  // The number of the labels of `sample`; 0 is none.
  uint32_t NumberOf(const Profile& profile, const ProfileSample& sample);
  const std::vector<Set>& sets() const { return sets_; }
  const std::vector<std::string>& keys() const { return keys_.texts(); }
  const std::vector<std::string>& values(uint32_t key) const { return values_[key].texts(); }

 private:
  uint32_t Number(const Set& set);

  TextIndex keys_;
  std::vector<TextIndex> values_;  // by key
  std::map<Set, uint32_t> numbers_;
  std::vector<Set> sets_;
};

class FlameTree {
 public:
  struct Node {
    uint32_t parent = 0, function = 0;
  };
  // Stacks that end at one node and have one set of labels.
  struct Stack {
    uint32_t node = 0;
    uint32_t folded = 0;  // the node where it ends without wrappers
    uint32_t labels = 0;
  };
  struct Function {
    uint32_t file = 0, module = 0;  // numbers in files() and modules()
    int64_t line = 0;               // where it begins; 0: not known
  };
  // How a profile is added.
  struct Part {
    const Profile* folded = nullptr;  // the same samples, without the frames of wrappers
    const View* selection = nullptr;  // nullptr: all samples
    size_t moment = 0;                // which of several profiles this is
    bool is_base = false;
  };

  explicit FlameTree(size_t type_count)
      : type_count_(type_count), none_(type_count), is_sampled_(type_count) {
    nodes_.emplace_back();
  }

  // Adds the samples of `profile`. `types[i]` is the profile's sample type that is the tree's type i.
  void Add(const Profile& profile, const std::vector<size_t>& types, const Part& part);

  // The nodes without the root, each behind its parent and before its parent's next child.
  std::vector<uint32_t> Preorder() const;

  const Node& node(uint32_t node) const { return nodes_[node]; }
  const std::vector<Stack>& stacks() const { return stacks_; }
  // Those of a stack in a moment, one for each type.
  const StackFigures* figures(size_t moment, uint32_t stack) const;
  size_t type_count() const { return type_count_; }
  // Whether values of the type, other than of a base, are estimates, and their variances are known.
  bool is_sampled(size_t type) const { return is_sampled_[type]; }
  // Whether a stack has fewer frames without wrappers.
  bool has_folded() const { return has_folded_; }
  size_t node_count() const { return nodes_.size() - 1; }
  size_t stack_count() const { return stacks_.size(); }
  // The number of each frame's function. Of several profiles, functions of one name are one if they are in
  // the same place, or the only ones of their name, in their file or at all: lines move between versions.
  std::vector<uint32_t> NumberFunctions(const FrameTable& frames);
  // With what tells those of one name apart.
  std::vector<std::string> FunctionNames() const;
  // What people call them: with their parameters, or whole, where two would be called the same.
  std::vector<std::string> DisplayNames() const;
  const std::vector<Function>& functions() const { return functions_; }
  const std::vector<std::string>& files() const { return files_.texts(); }
  const std::vector<std::string>& modules() const { return modules_.texts(); }
  const LabelSets& labels() const { return labels_; }

 private:
  uint32_t Child(uint32_t parent, uint32_t function);
  uint32_t NodeOf(const FrameTable& frames, const std::vector<uint32_t>& numbers, Range<uint32_t> stack);
  uint32_t StackOf(uint32_t node, uint32_t labels);
  void Grow();
  uint32_t FindFunction(const FrameTable& frames, uint32_t frame, bool is_only,
                        const std::vector<bool>& taken) const;
  std::string SuffixOf(size_t function) const;
  size_t Slot(uint32_t parent, uint32_t function) const;

  size_t type_count_;
  std::vector<Node> nodes_;  // 0 is the root
  std::vector<uint32_t> slots_ =
      std::vector<uint32_t>(1024);  // nodes by parent and function; at most half full
  std::vector<Stack> stacks_;
  std::unordered_map<uint64_t, uint32_t> stack_of_;  // by node and labels
  std::vector<std::vector<StackFigures>> moments_;   // as many figures as there were stacks at the time
  std::vector<StackFigures> none_;
  std::vector<bool> is_sampled_;  // by type
  bool has_folded_ = false;
  TextIndex files_, modules_;
  std::vector<Function> functions_;
  std::vector<std::string> names_, suffixes_;  // of the functions; the latter tell those of one name apart
  std::unordered_map<std::string, uint32_t> by_place_;              // functions by their name and suffix
  std::unordered_map<std::string, std::vector<uint32_t>> by_name_;  // those of a name
  LabelSets labels_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_FLAME_FLAME_TREE_H_
