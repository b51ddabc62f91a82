// SPDX-License-Identifier: Apache-2.0
// What a process may do, as one number: who has the rights that the program had, and not what it has now,
// finds out by it.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_STOP_PROCESS_RIGHTS_H_
#define HEAPPROF_SAMPLING_STOP_PROCESS_RIGHTS_H_

#include <stdint.h>

namespace heapprof {

// Of user, groups, capabilities, no_new_privs and seccomp, as the process' first thread has them. `status` is
// a descriptor of its /proc/PID/status. 0: it cannot be read.
uint64_t HashOfRights(int status);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_PROCESS_RIGHTS_H_
