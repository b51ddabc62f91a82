// SPDX-License-Identifier: Apache-2.0
// The leaks as a profile that pprof reads: the form of a heap profile, in which in use means leaked.
//
// Thread-safety: one writer. Signal-safety: yes. Allocates: mmap only.
#ifndef HEAPPROF_LEAK_REPORT_LEAK_PROFILE_H_
#define HEAPPROF_LEAK_REPORT_LEAK_PROFILE_H_

#include "leak/report/findings.h"

namespace heapprof::leak {

// `findings` before Group: one for each bucket and kind. 0 or -errno.
int WriteLeakProfile(const Findings& findings, int fd);

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_REPORT_LEAK_PROFILE_H_
