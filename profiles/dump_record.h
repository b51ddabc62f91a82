// SPDX-License-Identifier: Apache-2.0
// Publishes what base/dump_record.h describes.
//
// Thread-safety: called once, at start. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_DUMP_RECORD_H_
#define HEAPPROF_PROFILES_DUMP_RECORD_H_

#include <stdint.h>

namespace heapprof {

// `signal` 0: none. `output` stays where it is.
void PublishDumpSignal(int signal, uintptr_t handler, const char* output);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_DUMP_RECORD_H_
