// SPDX-License-Identifier: Apache-2.0
// By how much sampling alone may move the change between two profiles, stack by stack.
//
// Dumps of two processes share no samples. The figures of both vary, and the variances add up.
//
// Two dumps of one process share most samples: only what was allocated or freed in between can vary. Let A be
// allocated, I in use, F = A - I freed, and DA and DF the growth of A and F between the dumps. Then there
// varies at most
//     of A:  DA
//     of I:  I new - I base + 2 min(I base, DF)                                          (1)
// The second is the sum of two parts. Let W be what was in use at first and then freed. I has changed by what
// came and stayed, less W; so (I new - I base) + W came and stayed, and both this and W vary, together
// (I new - I base) + 2 W. W is not known, but it is at most I base and at most DF. (What came and went in
// between is in neither dump.)
// Variances are proportional to the figures, so that (1) holds for them too. Thread-safety: reading, yes.
#ifndef HEAPPROF_TOOLS_FLAME_FLAME_NOISE_H_
#define HEAPPROF_TOOLS_FLAME_FLAME_NOISE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tools/profile/profile.h"

namespace heapprof::tools {

// What stacks that end at one node hold, of one sample type.
struct StackFigures {
  double value = 0, base = 0;
  double variance = 0, base_variance = 0;  // of the sampling, as estimate.h has it
  // Of `value`, what estimate.h makes limits of: u, and the largest w (1 - p) with its variance.
  double passed_by = 0, one_more = 0, one_more_variance = 0;
};

class ChangeNoise {
 public:
  // `type_names` are those of the figures.
  ChangeNoise(const std::vector<std::string>& type_names, bool one_process);
  struct Change {
    double moved = 0;     // how much of the figures varies
    double variance = 0;  // of that
  };
  // `figures` are those of one stack, one for each type.
  Change Of(const StackFigures* figures, size_t type) const;

 private:
  double Moved(const StackFigures* figures, size_t type, double StackFigures::*now,
               double StackFigures::*base) const;
  bool one_process_;
  std::vector<size_t> allocated_;  // for each type that counts what is in use its alloc_ type, else itself
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_FLAME_FLAME_NOISE_H_
