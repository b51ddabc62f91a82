// SPDX-License-Identifier: Apache-2.0
// Switching the profiles of waits on and off.
//
// Thread-safety: yes. Signal-safety: no. Allocates: no.
#ifndef HEAPPROF_ALLOC_CONTENTION_INTERVAL_H_
#define HEAPPROF_ALLOC_CONTENTION_INTERVAL_H_

#include <stdint.h>

namespace heapprof {

// The mean time of waiting between samples, in nanoseconds; 0: off. 0, or -EINVAL: it is longer than an hour;
// -ENOTSUP: the program is linked with -static, and its calls do not pass where they could be seen (said on
// stderr, too).
int SetContentionInterval(uint64_t nanos);

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_CONTENTION_INTERVAL_H_
