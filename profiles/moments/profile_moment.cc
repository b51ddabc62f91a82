// SPDX-License-Identifier: Apache-2.0
#include "profiles/moments/profile_moment.h"

#include <errno.h>

#include <new>
#include <utility>

#include "base/system/raw_syscall.h"
#include "profiles/threads/thread_proto.h"
#include "profiles/write/heap_profile.h"
#include "sampling/heap/heap_tables.h"

namespace heapprof {
namespace {

constexpr ThreadGrouping kGrouping = ThreadGrouping::kByNameAndState;

void ReadAllCounts(SampleCounts* counts, uint32_t buckets) {
  for (uint32_t id = 1; id <= buckets; ++id) {
    const Bucket* bucket = HeapBuckets().At(id);
    counts[id - 1] = bucket == nullptr ? SampleCounts{0, 0} : ReadCounts(*bucket);
  }
}

bool IsOfHeap(ProfileKind kind) { return kind == ProfileKind::kHeap || kind == ProfileKind::kAllocs; }

}  // namespace

bool HasDifference(ProfileKind kind) {
  switch (kind) {
    case ProfileKind::kHeap:
    case ProfileKind::kAllocs:
    case ProfileKind::kBlock:
    case ProfileKind::kMutex:
    case ProfileKind::kThreadCreate:
    case ProfileKind::kThreads:
      return true;
    default:
      return false;
  }
}

int ProfileMoment::Take(const NamedProfile& profile, const OwnStack& caller) {
  Free();
  if (profile.kind == ProfileKind::kThreads) return TakeThreads(caller);
  const bool of_heap = IsOfHeap(profile.kind);
  count_ = of_heap ? HeapBuckets().count() : EntriesOf(profile);
  bytes_ = (size_t{count_} + 1) * (of_heap ? sizeof(SampleCounts) : sizeof(StackValue));
  values_ = RawMap(bytes_);
  if (values_ == nullptr) return -ENOMEM;
  if (of_heap) {
    ReadAllCounts(static_cast<SampleCounts*>(values_), count_);
  } else {
    ReadValues(profile, static_cast<StackValue*>(values_), count_);
  }
  time_nanos_ = RawRealtimeNanos();
  return 0;
}

int ProfileMoment::TakeThreads(const OwnStack& caller) {
  bytes_ = sizeof(ThreadList);
  void* const memory = RawMap(bytes_);
  if (memory == nullptr) return -ENOMEM;
  auto* list = new (memory) ThreadList;
  values_ = list;
  of_threads_ = true;
  time_nanos_ = RawRealtimeNanos();
  return list->Collect(caller, kGrouping, false);
}

void ProfileMoment::Free() {
  if (values_ == nullptr) return;
  if (of_threads_) static_cast<ThreadList*>(values_)->Free();
  RawUnmap(values_, bytes_);
  values_ = nullptr;
  count_ = 0;
  of_threads_ = false;
}

void ProfileMoment::Swap(ProfileMoment* other) {
  std::swap(values_, other->values_);
  std::swap(bytes_, other->bytes_);
  std::swap(count_, other->count_);
  std::swap(of_threads_, other->of_threads_);
  std::swap(time_nanos_, other->time_nanos_);
}

int WriteDifference(const NamedProfile& profile, const ProfileMoment& before, ProfileMoment* after,
                    bool in_use_as_it_is, ByteSink* sink, void* workspace) {
  if (profile.kind == ProfileKind::kThreads) {
    auto* list = static_cast<ThreadList*>(after->values_);
    const auto* earlier = static_cast<const ThreadList*>(before.values_);
    if (int error = earlier == nullptr ? 0 : list->Subtract(*earlier)) return error;
    const int64_t duration = earlier == nullptr ? 0 : after->time_nanos_ - before.time_nanos_;
    return WriteThreadDelta(list, after->time_nanos_, duration, sink,
                            static_cast<CountProtoWorkspace*>(workspace));
  }
  if (!IsOfHeap(profile.kind)) {
    auto at = [](const ProfileMoment& moment) {
      return ValuesAtMoment{static_cast<const StackValue*>(moment.values_), moment.count_,
                            moment.time_nanos_};
    };
    return WriteNamedDelta(profile, at(before), at(*after), sink, workspace);
  }
  auto at = [](const ProfileMoment& moment) {
    return CountsAtMoment{static_cast<const SampleCounts*>(moment.values_), moment.count_,
                          moment.time_nanos_};
  };
  const auto kind = profile.kind == ProfileKind::kHeap ? HeapProfileKind::kHeap : HeapProfileKind::kAllocs;
  return WriteDeltaProto(kind, {at(before), at(*after), in_use_as_it_is}, sink, workspace);
}

}  // namespace heapprof
