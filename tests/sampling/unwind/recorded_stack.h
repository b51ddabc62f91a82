// SPDX-License-Identifier: Apache-2.0
// A stack as words by address, for steps over what was written down.
#ifndef HEAPPROF_TESTS_SAMPLING_UNWIND_RECORDED_STACK_H_
#define HEAPPROF_TESTS_SAMPLING_UNWIND_RECORDED_STACK_H_

#include <stdint.h>

#include <map>

#include "sampling/unwind/step/full_step.h"

namespace heapprof::unwind {

struct RecordedStack {
  std::map<uintptr_t, uintptr_t> words;
  bool Read(uintptr_t address, uintptr_t* value) {
    auto found = words.find(address);
    if (found == words.end()) return false;
    *value = found->second;
    return true;
  }
  bool MayGoDown(uintptr_t, uintptr_t) { return another_stack; }
  WordReader reader() { return WordReader::Of(this); }
  bool another_stack = false;
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_TESTS_SAMPLING_UNWIND_RECORDED_STACK_H_
