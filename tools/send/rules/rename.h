// SPDX-License-Identifier: Apache-2.0
// Changes of a profile's types and labels to what an engine takes.
//
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_SEND_RULES_RENAME_H_
#define HEAPPROF_TOOLS_SEND_RULES_RENAME_H_

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/profile/profile.h"

namespace heapprof::tools::send {

// Types and units, those of the period and the default type, too: `change`, then TypeName. Types stay
// distinct.
void RenameTypes(Profile* profile, const std::function<std::string(std::string_view)>& change = nullptr);

// Leaves the types that `wanted` says yes to, if there is any; false: there is none.
bool KeepTypes(Profile* profile, const std::function<bool(std::string_view)>& wanted);

// Keys of samples' labels: LabelName; those of `taken` begin with "exported_". Of labels with text at most
// `max_keys` different keys stay, those first seen. Values are cut at `max_bytes`.
struct SampleLabelRules {
  std::set<std::string> taken;
  size_t max_keys = SIZE_MAX;
  size_t max_bytes = SIZE_MAX;
};
void RenameLabels(Profile* profile, const SampleLabelRules& rules);

// How many different keys of labels with text there are.
size_t CountLabelKeys(const Profile& profile);

// Puts the labels onto each sample.
void AddLabels(Profile* profile, const std::vector<std::pair<std::string, std::string>>& labels);

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_RULES_RENAME_H_
