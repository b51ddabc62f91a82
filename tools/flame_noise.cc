#include "tools/flame_noise.h"

#include <algorithm>

namespace heapprof::tools {

bool AreOfOneProcess(const Profile& a, const Profile& b) {
  const auto same = [&](const char* key) {
    const std::string_view value = CommentValue(a, key);
    return !value.empty() && value == CommentValue(b, key);
  };
  return same("pid") && same("start-time");
}

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

double ChangeNoise::Variance(const StackFigures* figures, size_t type) const {
  const StackFigures& of = figures[type];
  if (!one_process_) return of.variance + of.base_variance;
  const auto growth = [](double variance, double base) { return std::max(0.0, variance - base); };
  if (allocated_[type] == type) return growth(of.variance, of.base_variance);
  const StackFigures& all = figures[allocated_[type]];
  const double freed = growth(all.variance - of.variance, all.base_variance - of.base_variance);
  return std::max(0.0, of.variance - of.base_variance + 2 * std::min(of.base_variance, freed));
}

}  // namespace heapprof::tools
