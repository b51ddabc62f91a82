// SPDX-License-Identifier: Apache-2.0
// The values of options as text, in the form in which they are read.
//
// Thread-safety: yes, pure. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_OPTION_TEXT_H_
#define HEAPPROF_BASE_OPTION_TEXT_H_

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "base/text.h"

namespace heapprof {

// The name of each option, in the order of heapprof(1); nullptr beyond the last.
const char* OptionName(size_t index);

// What `options` has of it. False: there is no such option.
bool PutOption(const char* name, const Options& options, TextWriter* text);

// "512k", and "600s" as "10m": with the largest unit that leaves a whole number.
void PutSize(uint64_t bytes, TextWriter* text);
void PutDuration(uint64_t nanos, TextWriter* text);

}  // namespace heapprof

#endif  // HEAPPROF_BASE_OPTION_TEXT_H_
