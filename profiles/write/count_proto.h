// SPDX-License-Identifier: Apache-2.0
// The proto form of a profile that counts stacks: CPU time, thread creation, custom profiles.
//
// Ids in the file: location = id in the StackCounts + 6, after those that stand for what is not known.
// Entries stand in the order in which their stacks were first seen. Entries grow while they are read, so
// locations come last: each that a sample names is then in the file.
//
// Thread-safety: one writer at a time per workspace. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_WRITE_COUNT_PROTO_H_
#define HEAPPROF_PROFILES_WRITE_COUNT_PROTO_H_

#include "profiles/write/proto_parts.h"
#include "proto/gzip_stream.h"
#include "proto/profile_builder.h"
#include "sampling/counts/stack_counts.h"
#include "sampling/counts/stack_values.h"
#include "sampling/modules/modules.h"

namespace heapprof {

struct CountProtoWorkspace {
  GzipStream::Workspace gzip;
  ProfileBuilder::Workspace builder;
  ModuleTable::Workspace modules;
};

inline constexpr char kLostFrame[] = "[lost samples]";
inline constexpr char kOutsideFrame[] = "[thread exit]";
// Of an entry without frames that is not truncated.
inline constexpr char kNoTickFrame[] = "[no tick]";

struct CountProfile {
  const StackCounts* counts;  // value = in - out; entries of value 0 are left out
  const char* type;           // of the count, whose unit is "count"
  // A second value, in `scaled_unit`: the count times `period`, unless `values` has it. nullptr: there is
  // none, and the period is 1.
  const char* scaled_type;
  const char* scaled_unit;
  int64_t period;
  int64_t start;     // nanoseconds since the epoch
  int64_t duration;  // nanoseconds; 0: a snapshot
  // Counts without a stack: samples of their own. Those of `outside` are of the kernel's work at threads'
  // ends.
  uint64_t lost, outside;
  // The entries to write, in this order; nullptr: all, in the order of their ids.
  const uint32_t* order;
  uint32_t order_count;
  // Writes comments of the kind. May be nullptr.
  void (*comments)(const void* argument, ProfileBuilder* builder);
  const void* argument;
  // Counts and amounts of the entries in `order`, in that order; the period is a count of 1 then. nullptr:
  // the counts are those of the entries.
  const StackValue* values = nullptr;
  // Writes the labels of an entry, where those are no label set.
  void (*labels)(uint32_t labels, ProfileBuilder* builder) = WriteLabels;
};

// `workspace` is zeroed memory. Returns 0 when the profile is complete, or -errno.
int WriteCountProto(const CountProfile& profile, ByteSink* sink, CountProtoWorkspace* workspace);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_COUNT_PROTO_H_
