// SPDX-License-Identifier: Apache-2.0
// Flat and cumulative sums by frame: what `top` prints, and the neighbours of frames: what `peek` prints.
//
// A sample counts once for each frame of its stack, however often a recursion repeats it, and flat for its
// leaf. Thread-safety: values.
#ifndef HEAPPROF_TOOLS_REPORT_TABLE_H_
#define HEAPPROF_TOOLS_REPORT_TABLE_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "tools/profile/frames.h"
#include "tools/report/view.h"

namespace heapprof::tools {

struct Row {
  uint32_t frame = 0;
  Sum flat = 0, cum = 0;
  Uncertainty flat_uncertainty, cum_uncertainty;
};

enum class Order { kFlat, kCumulative };

// Rows with any value, the largest first; equal ones by name.
std::vector<Row> MakeTable(const View& view, const FrameTable& frames, Order order);

// Where the row of libstdc++'s reserve, which nobody can change, is the first, as in a small program, puts it
// behind the others that asked for something. For people; JSON keeps to the order. Returns whether it was.
bool PutPoolLast(const FrameTable& frames, std::vector<Row>* rows);

// Sums by (caller, callee) of neighbouring frames, each pair once a sample; a frame is no neighbour of
// itself.
using Edges = std::map<std::pair<uint32_t, uint32_t>, Sum>;
Edges MakeEdges(const View& view, const FrameTable& frames);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_TABLE_H_
