// SPDX-License-Identifier: Apache-2.0
#include "tools/flame/flame_noise.h"

#include <algorithm>
#include <cmath>

namespace heapprof::tools {

ChangeNoise::ChangeNoise(const std::vector<std::string>& type_names, bool one_process)
    : one_process_(one_process) {
  for (size_t type = 0; type < type_names.size(); ++type) {
    allocated_.push_back(type);
    if (type_names[type].rfind("inuse_", 0) != 0) continue;
    const std::string wanted = "alloc_" + type_names[type].substr(6);
    const auto found = std::find(type_names.begin(), type_names.end(), wanted);
    if (found != type_names.end()) allocated_[type] = found - type_names.begin();
  }
}

double ChangeNoise::Moved(const StackFigures* figures, size_t type, double StackFigures::*now,
                          double StackFigures::*base) const {
  const StackFigures& of = figures[type];
  if (!one_process_) return std::abs(of.*now) + std::abs(of.*base);
  const StackFigures& all = figures[allocated_[type]];
  if (&all == &of) return std::max(0.0, of.*now - of.*base);
  const double freed = std::max(0.0, (all.*now - of.*now) - (all.*base - of.*base));
  return std::max(0.0, of.*now - of.*base + 2 * std::min(of.*base, freed));
}

ChangeNoise::Change ChangeNoise::Of(const StackFigures* figures, size_t type) const {
  return {Moved(figures, type, &StackFigures::value, &StackFigures::base),
          Moved(figures, type, &StackFigures::variance, &StackFigures::base_variance)};
}

}  // namespace heapprof::tools
