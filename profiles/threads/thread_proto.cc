// SPDX-License-Identifier: Apache-2.0
#include "profiles/threads/thread_proto.h"

#include <string.h>

#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/write/heap_source.h"
#include "profiles/write/proto_parts.h"

namespace heapprof {
namespace {

constexpr uint64_t kOverflowLocation = 1, kTruncatedLocation = 2, kBareCodeLocation = 3, kNoStackLocation = 4;
constexpr uint64_t kFirstLocation = kNoStackLocation + kNoStackKinds;

// The frame that stands for what is missing of a thread's stack; 0: nothing is.
uint64_t LastLocation(const ListedThread& thread, const CountedStack& entry) {
  const NoStack why = WhyNoStack(thread);
  if (why != NoStack::kThereIsOne) return kNoStackLocation + static_cast<uint64_t>(why);
  if (entry.truncated == Truncation::kInBareCode) return kBareCodeLocation;
  const bool whole = !entry.truncated && entry.depth <= ProfileBuilder::kMaxSampleLocations;
  return whole ? 0 : kTruncatedLocation;
}

class Writer {
 public:
  Writer(ThreadList* list, ProfileBuilder* builder) : list_(list), builder_(builder) {}

  void WriteSamples(bool details) {
    for (size_t i = 0; i < list_->count() && builder_->error() == 0; ++i) {
      const ListedThread& thread = list_->at(i);
      if (thread.answer == ThreadAnswer::kEnded) continue;
      CountedStack* entry = list_->stacks().At(thread.entry);
      // An entry is written where its first thread stands; then nothing is left of it. `out` counts those
      // that were there at an earlier moment.
      const uint64_t in = entry->in.load(std::memory_order_relaxed);
      const auto threads = static_cast<int64_t>(in - entry->out.load(std::memory_order_relaxed));
      if (!details) {
        if (threads == 0) continue;
        entry->out.store(in, std::memory_order_relaxed);
      }
      StartSample(thread.entry, *entry, LastLocation(thread, *entry), details ? 1 : threads);
      const char* state = ThreadStateName(thread);
      builder_->SampleLabel("thread", thread.facts.name, strlen(thread.facts.name));
      builder_->SampleLabel("state", state, strlen(state));
      WriteLabels(thread.labels, builder_);
      if (details) WriteDetails(thread);
      builder_->EndSample();
    }
  }

  void WriteCreators() {
    for (size_t i = 0; i < list_->count() && builder_->error() == 0; ++i) {
      const uint32_t creator = list_->at(i).creator;
      if (creator == 0) continue;
      CountedStack* entry = list_->stacks().At(creator);
      if (entry->out.exchange(1, std::memory_order_relaxed) != 0) continue;
      StartSample(creator, *entry, entry->truncated ? kTruncatedLocation : 0, 0);
      builder_->SampleLabel("created", creator, "");
      builder_->EndSample();
    }
  }

  void WriteLocations(const ModuleTable& modules) {
    WriteUnknownFrame(kOverflowLocation, kOverflowLocation, kOverflowFrame, builder_);
    WriteUnknownFrame(kTruncatedLocation, kTruncatedLocation, kTruncatedFrame, builder_);
    WriteUnknownFrame(kBareCodeLocation, kBareCodeLocation, kBareCodeFrame, builder_);
    for (int why = 1; why < kNoStackKinds; ++why) {
      const uint64_t id = kNoStackLocation + static_cast<uint64_t>(why);
      WriteUnknownFrame(id, id, NoStackFrame(static_cast<NoStack>(why)), builder_);
    }
    const uint32_t count = list_->stacks().location_count();
    for (uint32_t i = 1; i <= count; ++i) {
      const uint64_t address = list_->stacks().AddressOf(i);
      builder_->AddLocation({i + kFirstLocation - 1, MappingId(modules, modules.Find(address)), address});
    }
  }

 private:
  void StartSample(uint32_t id, const CountedStack& entry, uint64_t last, int64_t value) {
    builder_->StartSample();
    if (id == StackCounts::kOverflow) {
      builder_->SampleLocations(nullptr, 0, 0, kOverflowLocation);
    } else {
      builder_->SampleLocations(list_->stacks().LocationsOf(entry), entry.depth, kFirstLocation - 1, last);
    }
    builder_->SampleValues(&value, 1);
  }

  void WriteDetails(const ListedThread& thread) {
    builder_->SampleLabel("tid", thread.tid, "");
    if (thread.cpu_nanos >= 0) builder_->SampleLabel("cpu", thread.cpu_nanos, "nanoseconds");
    if (thread.idle_nanos >= 0) builder_->SampleLabel("idle", thread.idle_nanos, "nanoseconds");
    if (thread.creator != 0) builder_->SampleLabel("creator", thread.creator, "");
    Text<64> call;
    if (AppendOccupation(thread, &call)) builder_->SampleLabel("call", call.data(), call.size());
  }

  ThreadList* list_;
  ProfileBuilder* builder_;
};

}  // namespace

namespace {

// `duration` 0: not of a difference.
int Write(ThreadList* list, bool details, int64_t time, int64_t duration, ByteSink* sink,
          CountProtoWorkspace* workspace) {
  GzipStream gzip(sink, &workspace->gzip);
  ProfileBuilder builder(&gzip, &workspace->builder, AllLabelTexts());
  ModuleTable modules(&workspace->modules);
  builder.AddSampleType("threads", "count");
  builder.SetPeriod("threads", "count", 1);
  builder.SetTimeNanos(time);
  if (duration > 0) builder.SetDurationNanos(duration);
  Writer writer(list, &builder);
  writer.WriteSamples(details);
  if (details) writer.WriteCreators();
  // Without /proc the table is empty and locations stay bare addresses: still a profile.
  modules.Read();
  WriteMappings(modules, &builder);
  writer.WriteLocations(modules);
  WriteProcessComments(&builder);
  if (modules.dropped() != 0) WriteComment("dropped-mappings", modules.dropped(), &builder);
  const int error = builder.Finish();
  return error != 0 ? error : gzip.Finish();
}

}  // namespace

int WriteThreadProto(ThreadList* list, bool details, ByteSink* sink, CountProtoWorkspace* workspace) {
  return Write(list, details, RawRealtimeNanos(), 0, sink, workspace);
}

int WriteThreadDelta(ThreadList* list, int64_t time, int64_t duration, ByteSink* sink,
                     CountProtoWorkspace* workspace) {
  return Write(list, false, time, duration, sink, workspace);
}

}  // namespace heapprof
