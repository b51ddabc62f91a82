// SPDX-License-Identifier: Apache-2.0
// The parts of a proto profile that all kinds share: mappings, labels, frames without an address, comments.
//
// Thread-safety: functions of their arguments. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_WRITE_PROTO_PARTS_H_
#define HEAPPROF_PROFILES_WRITE_PROTO_PARTS_H_

#include <stdint.h>

#include "proto/profile_builder.h"
#include "sampling/modules/modules.h"

namespace heapprof {

// Frames of allocators and of the profiler itself: pprof leaves out what matches and all nearer the leaf.
inline constexpr char kDropFrames[] =
    "malloc|calloc|realloc|reallocarray|free|(__)?posix_memalign|memalign|aligned_alloc|valloc|pvalloc|"
    "operator new(\\[\\])?|operator delete(\\[\\])?|(std::__|__gnu_cxx::)new_allocator(<.*>)?::(de)?allocate|"
    "heapprof::.*";

// Mapping ids follow the order in the file, in which the main binary comes first. 0 for ModuleTable::kNone.
uint64_t MappingId(const ModuleTable& modules, uint32_t index);
void WriteMappings(const ModuleTable& modules, ProfileBuilder* builder);

// A frame that stands for what is not known.
void WriteUnknownFrame(uint64_t location, uint64_t function, const char* name, ProfileBuilder* builder);

// What the labels of samples may refer to. To be asked for after the number of samples.
ProfileBuilder::LabelTexts AllLabelTexts();
// The pairs of a label set (sampling/thread/labels.h), to the sample that is open.
void WriteLabels(uint32_t set, ProfileBuilder* builder);

// Comments are lines "key: value".
void WriteComment(const char* key, uint64_t value, ProfileBuilder* builder);
void WriteComment(const char* key, const char* value, ProfileBuilder* builder);
// Version, pid and start of the process.
void WriteProcessComments(ProfileBuilder* builder);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_PROTO_PARTS_H_
