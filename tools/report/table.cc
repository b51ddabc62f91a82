// SPDX-License-Identifier: Apache-2.0
#include "tools/report/table.h"

#include <algorithm>
#include <unordered_map>

#include "tools/blame/emergency_pool.h"

namespace heapprof::tools {
namespace {

Sum Absolute(Sum value) { return value < 0 ? -value : value; }

uint64_t Pair(uint32_t caller, uint32_t callee) { return static_cast<uint64_t>(caller) << 32 | callee; }

}  // namespace

std::vector<Row> MakeTable(const View& view, const FrameTable& frames, Order order) {
  const Profile& profile = view.profile();
  const bool sampled = view.estimator().sampled();
  std::vector<Row> rows(frames.size());
  // The number, from 1, of the sample that last counted for a frame.
  std::vector<uint32_t> counted(frames.size());
  for (const uint32_t i : view.samples()) {
    const Range<uint32_t> stack = profile.stack(profile.samples[i]);
    if (stack.empty()) continue;
    const int64_t value = view.value(i);
    const Contribution contribution = sampled ? view.estimator().Of(i) : Contribution();
    for (const uint32_t location : stack) {
      for (const uint32_t frame : frames.frames_of(location)) {
        if (counted[frame] == i + 1) continue;
        counted[frame] = i + 1;
        rows[frame].cum += value;
        if (sampled) rows[frame].cum_uncertainty.Add(contribution);
      }
    }
    Row& leaf = rows[frames.frames_of(stack[0])[0]];
    leaf.flat += value;
    if (sampled) leaf.flat_uncertainty.Add(contribution);
  }
  for (uint32_t i = 0; i < rows.size(); ++i) rows[i].frame = i;
  rows.erase(
      std::remove_if(rows.begin(), rows.end(), [](const Row& row) { return row.flat == 0 && row.cum == 0; }),
      rows.end());
  const bool by_flat = order == Order::kFlat;
  std::sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    const Sum a_size = Absolute(by_flat ? a.flat : a.cum), b_size = Absolute(by_flat ? b.flat : b.cum);
    if (a_size != b_size) return a_size > b_size;
    return frames.name(a.frame) < frames.name(b.frame);
  });
  return rows;
}

bool PutPoolLast(const FrameTable& frames, std::vector<Row>* rows) {
  const auto end = std::find_if(rows->begin(), rows->end(), [](const Row& row) { return row.flat == 0; });
  if (end - rows->begin() < 2 || frames.name(rows->front().frame) != kEmergencyPool) return false;
  std::rotate(rows->begin(), rows->begin() + 1, end);
  return true;
}

Edges MakeEdges(const View& view, const FrameTable& frames) {
  const Profile& profile = view.profile();
  struct Edge {
    Sum sum = 0;
    uint32_t counted = 0;
  };
  std::unordered_map<uint64_t, Edge> sums;
  for (const uint32_t i : view.samples()) {
    uint32_t callee = kNone;
    for (const uint32_t location : profile.stack(profile.samples[i])) {
      for (const uint32_t caller : frames.frames_of(location)) {
        if (callee != kNone && caller != callee) {
          Edge& edge = sums[Pair(caller, callee)];
          if (edge.counted != i + 1) edge.sum += view.value(i);
          edge.counted = i + 1;
        }
        callee = caller;
      }
    }
  }
  Edges edges;
  for (const auto& [pair, edge] : sums) {
    edges.emplace(std::pair(static_cast<uint32_t>(pair >> 32), static_cast<uint32_t>(pair)), edge.sum);
  }
  return edges;
}

}  // namespace heapprof::tools
