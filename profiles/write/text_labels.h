// SPDX-License-Identifier: Apache-2.0
// Labels in the text form of profiles.
//
// Thread-safety: functions of their arguments. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_WRITE_TEXT_LABELS_H_
#define HEAPPROF_PROFILES_WRITE_TEXT_LABELS_H_

#include <stdint.h>

#include "proto/text_stream.h"

namespace heapprof {

// A text as JSON has it, but for control characters, which become blanks.
void WriteQuoted(const char* text, TextStream* out);

// A line "# labels: {...}"; nothing for the empty set.
void WriteTextLabels(uint32_t set, TextStream* out);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_TEXT_LABELS_H_
