// SPDX-License-Identifier: Apache-2.0
// The proto form of a heap profile: one sample for each bucket, gzip'd profile.proto.
//
// Ids in the file: location = id in the location table + kFirstLocation - 1, after the two that stand for
// what is not known; mapping = place in the file, the main binary first. Tables grow while they are read, so
// buckets are walked first and locations last: every location that a sample names is then in the file.
//
// Thread-safety: one writer at a time per workspace. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_WRITE_HEAP_PROTO_H_
#define HEAPPROF_PROFILES_WRITE_HEAP_PROTO_H_

#include "profiles/write/heap_profile.h"
#include "profiles/write/heap_source.h"
#include "proto/gzip_stream.h"
#include "proto/profile_builder.h"
#include "sampling/modules/modules.h"

namespace heapprof {

struct HeapProtoWorkspace {
  GzipStream::Workspace gzip;
  ProfileBuilder::Workspace builder;
  ModuleTable::Workspace modules;
};

// `workspace` is zeroed memory. Returns 0 when the profile is complete, or -errno.
int WriteHeapProtoFrom(const HeapSource& source, HeapProfileKind kind, ByteSink* sink,
                       HeapProtoWorkspace* workspace);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_HEAP_PROTO_H_
