// SPDX-License-Identifier: Apache-2.0
// Writes a profile of sampling/counts/named_profiles.h that counts stacks: "threadcreate", or a program's
// own.
//
// Both forms are in descending order of the amounts if there are any, then of the counts, equal ones in the
// order of their stacks' addresses. The text form:
//
//     threadcreate profile: total 3
//     2 @ 0x55d0c3 0x55d0f8
//     # labels: {"request":"list"}
//     #   0x55d0c3    main+0x23   /bin/program
//
// With amounts "total 3: 4096 bytes", and "2: 1024 @".
//
// Thread-safety: one writer at a time (profiles/dump holds the dump lock). Signal-safety: yes. Allocates:
// never from the heap; maps 44 bytes an entry for the order, and the text form room for names, for the call.
#ifndef HEAPPROF_PROFILES_WRITE_NAMED_PROFILE_H_
#define HEAPPROF_PROFILES_WRITE_NAMED_PROFILE_H_

#include <stddef.h>

#include "proto/byte_sink.h"
#include "sampling/counts/named_profiles.h"

namespace heapprof {

size_t NamedProfileWorkspaceSize();

// The values of all entries at a moment. Of waits the counts are whole ones.
struct ValuesAtMoment {
  const StackValue* values;  // of the entries 1..entries, at [id - 1]
  uint32_t entries;
  int64_t time_nanos;  // since the epoch
};
uint32_t EntriesOf(const NamedProfile& profile);
void ReadValues(const NamedProfile& profile, StackValue* values, uint32_t entries);

// gzip'd profile.proto of the difference of two moments. `workspace` is zeroed memory. 0, or -errno.
int WriteNamedDelta(const NamedProfile& profile, const ValuesAtMoment& before, const ValuesAtMoment& after,
                    ByteSink* sink, void* workspace);

// debug 0: gzip'd profile.proto, 1: text. `workspace` is zeroed memory. 0, or -errno.
int WriteNamedProfile(const NamedProfile& profile, int debug, ByteSink* sink, void* workspace);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_NAMED_PROFILE_H_
