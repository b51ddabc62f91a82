// SPDX-License-Identifier: Apache-2.0
// A profile in pieces that an engine takes: not too many bytes, samples, or frames of a stack.
//
// If the whole is too much, the label `bytes` of heap profiles is merged away first, so that blocks of
// different sizes from one stack are one sample: sums stay, only errors can be estimated no more. What is
// still too much is cut into pieces, each a whole profile with the names that its samples need. Samples
// without a value are left out. Thread-safety: functions without state. Errors: Failure: one sample alone is
// too much.
#ifndef HEAPPROF_TOOLS_SEND_RULES_FIT_H_
#define HEAPPROF_TOOLS_SEND_RULES_FIT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/profile/profile.h"

namespace heapprof::tools::send {

// 0: no bound.
struct FitLimits {
  uint64_t max_bytes = 0;  // of profile.proto, not deflated
  size_t max_samples = 0;
  size_t max_depth = 0;  // longer stacks lose frames at the root
};

// The pieces as profile.proto, at least one.
std::vector<std::string> Fit(Profile profile, const FitLimits& limits);

// The samples of equal stacks and labels added up, without labels called `key`.
void MergeAwayLabel(const std::string& key, Profile* profile);

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_RULES_FIT_H_
