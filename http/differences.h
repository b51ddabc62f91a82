// SPDX-License-Identifier: Apache-2.0
// Differences of profiles between two requests, or since the last one.
//
// Thread-safety: yes. Signal-safety: no. Allocates: mmap only. Locks: kDelta, for what the last request left,
// and below it that of dumps.
#ifndef HEAPPROF_HTTP_DIFFERENCES_H_
#define HEAPPROF_HTTP_DIFFERENCES_H_

#include "profiles/moments/profile_moment.h"
#include "proto/byte_sink.h"
#include "sampling/counts/named_profiles.h"

namespace heapprof::http {

// Takes what the profile counts now. 0 or -errno.
int TakeMoment(const NamedProfile& profile, ProfileMoment* moment);
// Writes what has happened since `before`. 0 or -errno.
int WriteSince(const NamedProfile& profile, const ProfileMoment& before, ByteSink* sink);

// The profile of which "delta_heap", "delta_block" and "delta_mutex" tell; nullptr: `name` is none of these.
const NamedProfile* ProfileOfDelta(const char* name);
// Writes what has happened since this was last asked for, or ever, with what is in use as it is. What could
// not be written is told with the next. 0 or -errno.
int WriteSinceLast(const NamedProfile& profile, ByteSink* sink);

// A fork's child: what another thread of its parent had half done is forgotten.
void DifferencesAfterForkInChild();

}  // namespace heapprof::http

#endif  // HEAPPROF_HTTP_DIFFERENCES_H_
