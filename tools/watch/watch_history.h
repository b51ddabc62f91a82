// SPDX-License-Identifier: Apache-2.0
// What the looks of the last minutes tell together: growth and rates over a window of time, and the curves.
//
// Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_WATCH_WATCH_HISTORY_H_
#define HEAPPROF_TOOLS_WATCH_WATCH_HISTORY_H_

#include <deque>
#include <string>
#include <vector>

#include "tools/watch/watch_look.h"

namespace heapprof::tools {

enum class WatchOrder { kGrowth, kLive, kAllocated };

struct WatchRow {
  std::string name;
  double live = 0;          // bytes
  double growth = 0;        // bytes over the window
  bool is_certain = false;  // the growth is more than the luck of sampling: three standard errors
  double rate = 0;          // bytes allocated a second, over the window
};

class WatchHistory {
 public:
  explicit WatchHistory(double window_seconds) : window_(window_seconds) {}

  void Add(WatchLook look);
  size_t looks() const { return looks_; }
  const WatchLook& last() const { return window_looks_.back(); }
  // What growth and rates are of: the window, or what there is of it so far.
  double seconds() const { return last().seconds - window_looks_.front().seconds; }

  // Between the last two looks.
  double AllocatedRate() const { return rates_.empty() ? 0 : rates_.back(); }
  // Over the window: bytes a second.
  double LiveSlope() const;
  double ResidentSlope() const;

  // Growth: what grew for certain comes before what may be luck.
  std::vector<WatchRow> Rows(WatchOrder order) const;

  // One value for each look, the oldest first.
  const std::deque<double>& live() const { return live_; }
  const std::deque<double>& resident() const { return resident_; }
  const std::deque<double>& rates() const { return rates_; }

 private:
  static constexpr size_t kMaxPoints = 512;  // of a curve
  static constexpr double kSteps = 32;       // looks that are kept whole, of a window

  double window_;
  size_t looks_ = 0;
  std::deque<WatchLook> window_looks_;  // the oldest is what the last is compared with
  std::deque<double> live_, resident_, rates_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_WATCH_WATCH_HISTORY_H_
