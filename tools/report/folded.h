// SPDX-License-Identifier: Apache-2.0
// Folded stacks: one line a stack, the frames from the root to the leaf with ';' between them, and the value.
//
// `folded` prints them, `convert --to folded` writes them. Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_REPORT_FOLDED_H_
#define HEAPPROF_TOOLS_REPORT_FOLDED_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/profile/frames.h"
#include "tools/report/view.h"

namespace heapprof::tools {

// The frames of a sample, the root first.
void StackFromRoot(const View& view, const FrameTable& frames, uint32_t sample, std::vector<uint32_t>* out);

struct FoldedStack {
  std::vector<uint32_t> frames;  // the root first
  Sum value = 0;
};
// The view's stacks, each once, in the order of their names; the `limit` largest, 0: all.
std::vector<FoldedStack> FoldedStacks(const View& view, const FrameTable& frames, size_t limit);

// A line without its end.
std::string FoldedLine(const FrameTable& frames, const FoldedStack& stack);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_FOLDED_H_
