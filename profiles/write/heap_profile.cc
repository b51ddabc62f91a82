// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/heap_profile.h"

#include "profiles/write/heap_proto.h"
#include "profiles/write/heap_source.h"
#include "profiles/write/text_profile.h"
#include "proto/descriptor_sink.h"
#include "sampling/recorder.h"

namespace heapprof {
namespace {

constexpr HeapSource kRecorderTables = {[] { return HeapBuckets().count(); },
                                        [](uint32_t id) -> const Bucket* { return HeapBuckets().At(id); },
                                        [](uint32_t stack) { return HeapStacks().At(stack); },
                                        [] { return HeapStacks().location_count(); },
                                        [](uint32_t id) { return HeapStacks().ReturnAddress(id); },
                                        GetTableStats,
                                        recorder::Interval};

// One form is written at a time.
union Workspace {
  HeapProtoWorkspace proto;
  HeapTextWorkspace text;
};
static_assert(sizeof(Workspace) <= 2 << 20, "the bound that the header promises");
static_assert(alignof(Workspace) <= 64, "the alignment that the header asks for");

}  // namespace

const HeapSource& RecorderTables() { return kRecorderTables; }

size_t HeapProfileWorkspaceSize() { return sizeof(Workspace); }

int WriteHeapProto(HeapProfileKind kind, int fd, void* workspace) {
  DescriptorSink sink(fd);
  return WriteHeapProtoFrom(kRecorderTables, kind, &sink, &static_cast<Workspace*>(workspace)->proto);
}

int WriteIntervalProto(const EarlierCounts& earlier, int fd, void* workspace) {
  DescriptorSink sink(fd);
  HeapSource source = kRecorderTables;
  source.earlier = &earlier;
  return WriteHeapProtoFrom(source, HeapProfileKind::kAllocs, &sink,
                            &static_cast<Workspace*>(workspace)->proto);
}

// Both kinds have one text form: it carries all four values, and no default among them.
int WriteHeapText(HeapProfileKind, int fd, void* workspace, bool in_handler) {
  DescriptorSink sink(fd);
  return WriteHeapTextFrom(kRecorderTables, &sink, &static_cast<Workspace*>(workspace)->text, in_handler);
}

}  // namespace heapprof
