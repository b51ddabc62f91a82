// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/watch_history.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace heapprof::tools {
namespace {

void Append(std::deque<double>* curve, double value, size_t most) {
  curve->push_back(value);
  if (curve->size() > most) curve->pop_front();
}

}  // namespace

void WatchHistory::Add(WatchLook look) {
  ++looks_;
  Append(&live_, look.live, kMaxPoints);
  Append(&resident_, look.resident, kMaxPoints);
  if (!window_looks_.empty()) {
    const WatchLook& before = window_looks_.back();
    const double seconds = look.seconds - before.seconds;
    const double bytes = std::max(look.allocated - before.allocated, 0.0);
    Append(&rates_, seconds > 0 ? bytes / seconds : 0, kMaxPoints);
  }
  // Where looks are close to each other the last one is replaced, unless there is none between it and the
  // one that begins a step.
  const size_t kept = window_looks_.size();
  if (kept >= 2 && look.seconds - window_looks_[kept - 2].seconds < window_ / kSteps)
    window_looks_.pop_back();
  window_looks_.push_back(std::move(look));
  // The oldest that is left is the youngest of those that are a window old.
  while (window_looks_.size() > 2 && last().seconds - window_looks_[1].seconds >= window_)
    window_looks_.pop_front();
}

double WatchHistory::LiveSlope() const {
  return seconds() > 0 ? (last().live - window_looks_.front().live) / seconds() : 0;
}

double WatchHistory::ResidentSlope() const {
  return seconds() > 0 ? (last().resident - window_looks_.front().resident) / seconds() : 0;
}

std::vector<WatchRow> WatchHistory::Rows(WatchOrder order) const {
  constexpr double kErrors = 3;
  const WatchLook& base = window_looks_.front();
  const double window = seconds();
  std::vector<WatchRow> rows;
  for (const auto& [name, now] : last().functions) {
    const auto found = base.functions.find(name);
    const FunctionCounts before = found != base.functions.end() ? found->second : FunctionCounts();
    WatchRow row;
    row.name = name;
    row.live = now.live;
    if (window > 0) {
      row.growth = now.live - before.live;
      row.rate = std::max(now.allocated - before.allocated, 0.0) / window;
      const double variance = std::max(now.allocated_variance - before.allocated_variance, 0.0) +
                              std::max(now.freed_variance - before.freed_variance, 0.0);
      row.is_certain = row.growth > kErrors * std::sqrt(variance);
    }
    // What is neither there nor happens would be a row of noughts.
    if (row.live != 0 || row.growth != 0 || row.rate != 0) rows.push_back(std::move(row));
  }
  const auto key = [order](const WatchRow& row) {
    return order == WatchOrder::kLive ? row.live : order == WatchOrder::kAllocated ? row.rate : row.growth;
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const WatchRow& a, const WatchRow& b) {
    if (order == WatchOrder::kGrowth && a.is_certain != b.is_certain) return a.is_certain;
    if (key(a) != key(b)) return key(a) > key(b);
    return a.live > b.live;
  });
  return rows;
}

}  // namespace heapprof::tools
