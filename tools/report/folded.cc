// SPDX-License-Identifier: Apache-2.0
#include "tools/report/folded.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <utility>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/report/report.h"

namespace heapprof::tools {
namespace {

Sum Size(Sum value) { return value < 0 ? -value : value; }

// The largest stay, in their order.
void KeepLargest(std::vector<FoldedStack>* stacks, size_t limit) {
  if (limit == 0 || limit >= stacks->size()) return;
  std::vector<Sum> sizes;
  sizes.reserve(stacks->size());
  for (const FoldedStack& stack : *stacks) sizes.push_back(Size(stack.value));
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  sizes.resize(limit);
  const Sum least = sizes.back();
  auto of_least = std::count(sizes.begin(), sizes.end(), least);  // that many of this size stay
  const auto goes = [&](const FoldedStack& stack) {
    const Sum size = Size(stack.value);
    return size < least || (size == least && of_least-- <= 0);
  };
  std::vector<FoldedStack> kept;
  for (FoldedStack& stack : *stacks) {
    if (!goes(stack)) kept.push_back(std::move(stack));
  }
  *stacks = std::move(kept);
}

}  // namespace

void StackFromRoot(const View& view, const FrameTable& frames, uint32_t sample, std::vector<uint32_t>* out) {
  out->clear();
  for (const uint32_t location : view.profile().stack(view.profile().samples[sample])) {
    for (const uint32_t frame : frames.frames_of(location)) out->push_back(frame);
  }
  std::reverse(out->begin(), out->end());
}

std::vector<FoldedStack> FoldedStacks(const View& view, const FrameTable& frames, size_t limit) {
  const auto by_name = [&](const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [&](uint32_t x, uint32_t y) {
      return frames.name(x) != frames.name(y) ? frames.name(x) < frames.name(y) : x < y;
    });
  };
  std::map<std::vector<uint32_t>, Sum, decltype(by_name)> sums(by_name);
  std::vector<uint32_t> path;
  for (const uint32_t sample : view.samples()) {
    StackFromRoot(view, frames, sample, &path);
    sums[path] += view.value(sample);
  }
  std::vector<FoldedStack> stacks;
  for (const auto& [frame_ids, sum] : sums) {
    if (sum != 0) stacks.push_back({frame_ids, sum});
  }
  KeepLargest(&stacks, limit);
  return stacks;
}

std::string FoldedLine(const FrameTable& frames, const FoldedStack& stack) {
  std::string line;
  for (const uint32_t frame : stack.frames) {
    // The format's own separators cannot be quoted in it.
    std::string name = Printable(frames.UniqueName(frame));
    std::replace(name.begin(), name.end(), ';', ':');
    line += (line.empty() ? "" : ";") + name;
  }
  return (line.empty() ? "[no stack]" : line) + " " + Decimal(stack.value);
}

void Folded(const ReportRequest& request) {
  const View view(request.files, request.view);
  TellOfView(view, request.granularity);
  const FrameTable frames(view.profile(), request.granularity);
  const std::vector<FoldedStack> stacks = FoldedStacks(view, frames, request.limit);
  if (!request.json) {
    for (const FoldedStack& stack : stacks) std::printf("%s\n", FoldedLine(frames, stack).c_str());
    return;
  }
  std::printf("{%s, \"stacks\": [", JsonHeading(view).c_str());
  const char* comma = "";
  for (const FoldedStack& stack : stacks) {
    std::string names;
    for (const uint32_t frame : stack.frames) {
      names += (names.empty() ? "" : ", ") + JsonString(frames.UniqueName(frame));
    }
    std::printf("%s\n  {\"frames\": [%s], \"value\": %s}", comma, names.c_str(),
                Decimal(stack.value).c_str());
    comma = ",";
  }
  std::printf("\n]}\n");
}

}  // namespace heapprof::tools
