// SPDX-License-Identifier: Apache-2.0
// Publishes what base/dump_record.h describes.
//
// Thread-safety: as each says; PublishDumpSignal is called once, at start. Signal-safety: yes. Allocates:
// never.
#ifndef HEAPPROF_PROFILES_DUMP_RECORD_H_
#define HEAPPROF_PROFILES_DUMP_RECORD_H_

#include <stdint.h>

#include "base/dump_record.h"

namespace heapprof {

// `signal` 0: none. `output` stays where it is.
void PublishDumpSignal(int signal, uintptr_t handler, const char* output);
// What another process has written to the record's place. False: no absolute path is there.
bool ReadPlace(char (&place)[kPlaceSize]);
// A dump on the signal came to nothing. `error`: a negative errno value. By one thread at a time.
void PublishDumpFailure(int error);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_DUMP_RECORD_H_
