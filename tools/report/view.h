// SPDX-License-Identifier: Apache-2.0
// A profile as the reports look at it: one sample type, and the samples that the user asked for.
//
// Thread-safety: reading, yes. Errors: Failure for a sample type that is not there, an expression that is
// none, a tag without '='.
#ifndef HEAPPROF_TOOLS_REPORT_VIEW_H_
#define HEAPPROF_TOOLS_REPORT_VIEW_H_

#include <string>
#include <vector>

#include "tools/estimate/estimate.h"
#include "tools/profile/load.h"
#include "tools/profile/profile.h"

namespace heapprof::tools {

struct ViewOptions {
  std::string type;               // empty: the profile's default
  std::string focus, ignore;      // RE2; "" is not set
  std::vector<std::string> tags;  // KEY=VALUE, all of which must hold
  LoadOptions load;
};

// Sums of 64-bit values do not fit 64 bits in a hostile file.
using Sum = __int128;

class View {
 public:
  // `file` is for messages.
  View(const std::string& file, const ViewOptions& options);
  // The sum of several. Errors: Failure, also where they are not of one kind.
  View(const std::vector<std::string>& files, const ViewOptions& options);
  View(const std::string& file, Profile profile, const ViewOptions& options);
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  const std::string& file() const { return file_; }
  const Profile& profile() const { return profile_; }
  size_t type() const { return type_; }
  std::string_view type_name() const { return profile_.type_name(type_); }
  std::string_view unit() const { return profile_.unit_name(type_); }
  const Estimator& estimator() const { return estimator_; }
  // Indices of the samples that pass focus, ignore and the tags, and whose value is not 0.
  const std::vector<uint32_t>& samples() const { return samples_; }
  // True for a sample that passes focus, ignore and the tags, whatever its value.
  bool IsSelected(uint32_t sample) const { return selected_[sample]; }
  int64_t value(uint32_t sample) const { return profile_.values_of(sample)[type_]; }
  // The sum of the absolute values of all samples, whether they pass or not: what percentages are of.
  Sum total() const { return total_; }
  const Uncertainty& total_uncertainty() const { return total_uncertainty_; }

 private:
  void Select(const ViewOptions& options);

  std::string file_;
  Profile profile_;
  size_t type_;
  Estimator estimator_;
  std::vector<bool> selected_;
  std::vector<uint32_t> samples_;
  Sum total_ = 0;
  Uncertainty total_uncertainty_;
};

// True for each location with a function, source file or module in whose name `expression` is found.
// Errors: Failure, which names `option`.
std::vector<bool> MatchLocations(const Profile& profile, const std::string& expression, const char* option);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_VIEW_H_
