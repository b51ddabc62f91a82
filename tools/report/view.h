// SPDX-License-Identifier: Apache-2.0
// A profile as the reports look at it: one sample type, the samples that the user asked for, and their stacks
// without what was hidden, pruned and folded. Samples are chosen by their whole stacks.
//
// Thread-safety: reading, yes. Errors: Failure for a sample type that is not there, an expression that is
// none, a tag without '='.
#ifndef HEAPPROF_TOOLS_REPORT_VIEW_H_
#define HEAPPROF_TOOLS_REPORT_VIEW_H_

#include <string>
#include <vector>

#include "tools/blame/fold.h"
#include "tools/estimate/estimate.h"
#include "tools/profile/load.h"
#include "tools/profile/profile.h"
#include "tools/profile/sum.h"

namespace heapprof::tools {

struct ViewOptions {
  std::string type;               // empty: the profile's default
  std::string focus, ignore;      // RE2, like the next four; "" is not set
  std::string hide, show;         // frames that go, the only ones that stay: tools/blame/hide.h
  std::string prune_from;         // what is nearer the leaf than the first that matches goes
  std::string keep;               // functions that are not folded
  bool unfold = false;            // nothing is folded
  bool fold_by_behaviour = true;  // or by the list of names only
  bool by_type = false;           // each stack becomes one frame, the C++ type: tools/blame/types.h
  std::vector<std::string> tags;  // KEY=VALUE, all of which must hold
  LoadOptions load;
};

// Sums of 64-bit values do not fit 64 bits in a hostile file.
using Sum = __int128;

class View {
 public:
  // `file` is for messages.
  View(const std::string& file, const ViewOptions& options);
  // The sum of several (tools/profile/sum.h).
  View(const std::vector<std::string>& files, const ViewOptions& options);
  View(NamedProfileSum sum, const ViewOptions& options);
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
  const Folded& folded() const { return folded_; }
  // Which options chose the samples: "--focus and --tag"; "": none.
  const std::string& filters() const { return filters_; }

 private:
  void Select(const ViewOptions& options);
  void CutStacks(const ViewOptions& options);

  std::string file_;
  Profile profile_;
  size_t type_;
  Estimator estimator_;
  std::vector<bool> selected_;
  std::vector<uint32_t> samples_;
  Sum total_ = 0;
  Uncertainty total_uncertainty_;
  Folded folded_;
  std::string filters_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_VIEW_H_
