// SPDX-License-Identifier: Apache-2.0
// When this process was started, and such a moment as text.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_WRITE_PROCESS_START_H_
#define HEAPPROF_PROFILES_WRITE_PROCESS_START_H_

#include <stdint.h>

#include "base/text.h"

namespace heapprof {

// Seconds since the epoch, out of /proc/self/stat. 0 when that cannot be read.
int64_t ProcessStartSeconds();

// Appends `seconds` since the epoch, which must not be negative, as 2026-01-31T23:59:59Z.
void AppendUtc(int64_t seconds, TextWriter* text);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_PROCESS_START_H_
