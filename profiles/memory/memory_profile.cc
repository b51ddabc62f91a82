// SPDX-License-Identifier: Apache-2.0
#include "profiles/memory/memory_profile.h"

#include <string.h>

#include <algorithm>
#include <new>

#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/memory/memory_report.h"
#include "profiles/memory/memory_text.h"
#include "profiles/write/proto_parts.h"
#include "proto/gzip_stream.h"
#include "proto/profile_builder.h"
#include "sampling/modules/modules.h"

namespace heapprof {
namespace {

struct ProtoWorkspace {
  GzipStream::Workspace gzip;
  ProfileBuilder::Workspace builder;
  ModuleTable::Workspace modules;
};

// One form is written at a time.
struct Workspace {
  union {
    ProtoWorkspace proto;
    MemoryTextWorkspace text;
  };
  alignas(MemoryReport) char report[sizeof(MemoryReport)];
};

const char* SourceName(ResidentPages::Source source) {
  return source == ResidentPages::Source::kScan      ? "pagemap-scan"
         : source == ResidentPages::Source::kPageMap ? "pagemap"
                                                     : "mincore";
}

const char* MappedByName(MemoryState::MappedBy mapped_by) {
  return mapped_by == MemoryState::MappedBy::kKnown  ? "all calls from the start on"
         : mapped_by == MemoryState::MappedBy::kBusy ? "none, as they were being changed"
                                                     : "off";
}

// Ids in the file: of a name, its number in the rows; then of what is not known; then of code, first that of
// stacks which mapped something.
class ProtoWriter {
 public:
  ProtoWriter(MemoryReport* report, const HeapSource& source, ByteSink* sink, ProtoWorkspace* workspace)
      : report_(*report),
        source_(source),
        names_(report->rows().name_count()),
        mapping_locations_(ProcessMappings().stacks().location_count()),
        gzip_(sink, &workspace->gzip),
        builder_(&gzip_, &workspace->builder, AllLabelTexts()),
        modules_(&workspace->modules) {}

  int Write() {
    builder_.AddSampleType("resident", "bytes");
    builder_.AddSampleType("mapped", "bytes");
    builder_.SetPeriod("space", "bytes", static_cast<int64_t>(source_.Interval()));
    builder_.SetDefaultSampleType("resident");
    builder_.SetDropFrames(kDropFrames);
    builder_.SetTimeNanos(RawRealtimeNanos());
    const MemoryRows& rows = report_.rows();
    for (uint32_t i = 0; i < rows.count() && builder_.error() == 0; ++i) WriteRow(rows.at(i));
    const uint64_t heap = NumberOf(cause::kHeap);
    const uint64_t live[] = {NumberOf(cause::kLive), heap}, rounding[] = {NumberOf(cause::kRounding), heap};
    for (uint32_t id = 1; id <= report_.shares().count() && builder_.error() == 0; ++id) {
      WriteBucket(id, report_.shares().At(id).live, live);
      WriteBucket(id, report_.shares().At(id).rounding, rounding);
    }
    modules_.Read();
    WriteMappings(modules_, &builder_);
    WriteLocations();
    WriteComments();
    const int error = builder_.Finish();
    return error != 0 ? error : gzip_.Finish();
  }

 private:
  uint64_t NumberOf(const char* name) const {
    for (uint32_t i = 1; i <= names_; ++i) {
      if (strcmp(report_.rows().NameAt(i), name) == 0) return i;
    }
    return 0;
  }

  uint64_t UnknownFrame(bool overflow, Truncation::Kind truncated) const {
    return uint64_t{names_} + (overflow ? 1 : truncated == Truncation::kInBareCode ? 3 : 2);
  }
  // Ids of the heap's locations are larger.
  uint32_t FirstCode() const { return names_ + 3 + mapping_locations_; }

  void WriteValues(uint64_t resident, uint64_t mapped) {
    const int64_t values[] = {static_cast<int64_t>(resident), static_cast<int64_t>(mapped)};
    builder_.SampleValues(values, 2);
  }

  void WriteRow(const MemoryRow& row) {
    if (row.resident == 0 && row.mapped == 0) return;
    uint64_t leaf_first[MemoryRow::kNames];
    size_t count = 0;
    for (int i = MemoryRow::kNames - 1; i >= 0; --i) {
      if (row.names[i] != 0) leaf_first[count++] = row.names[i];
    }
    builder_.StartSample();
    if (row.stack == 0) {
      builder_.SampleLocations(nullptr, 0, 0, leaf_first, count);
    } else {
      WriteMappingStack(row.stack, leaf_first, count);
    }
    WriteValues(row.resident, row.mapped);
    if (row.stack != 0) WriteLabels(ProcessMappings().stacks().at(row.stack).labels, &builder_);
    builder_.EndSample();
  }

  void WriteMappingStack(uint32_t stack, const uint64_t* causes, size_t count) {
    const StackCounts& stacks = ProcessMappings().stacks();
    const CountedStack& entry = stacks.at(stack);
    constexpr size_t kMost = ProfileBuilder::kMaxSampleLocations - ProfileBuilder::kMaxLastLocations;
    const bool overflow = stack == StackCounts::kOverflow;
    uint64_t last[1 + MemoryRow::kNames] = {UnknownFrame(overflow, entry.truncated)};
    std::copy(causes, causes + count, last + 1);
    const bool whole = !overflow && !entry.truncated && entry.depth <= kMost;
    builder_.SampleLocations(stacks.LocationsOf(entry), std::min<size_t>(entry.depth, kMost), names_ + 3,
                             whole ? last + 1 : last, whole ? count : count + 1);
  }

  void WriteBucket(uint32_t id, const ShareBytes& bytes, const uint64_t causes[2]) {
    if (bytes.resident == 0 && bytes.mapped == 0) return;
    const Bucket& bucket = *source_.BucketAt(id);
    builder_.StartSample();
    const StackView stack = bucket.stack == kOverflowStack ? StackView{nullptr, 0, Truncation::kNone}
                                                           : source_.StackAt(bucket.stack);
    constexpr size_t kMost = ProfileBuilder::kMaxSampleLocations - ProfileBuilder::kMaxLastLocations;
    const bool whole = bucket.stack != kOverflowStack && !stack.truncated && stack.depth <= kMost;
    const uint64_t unknown = UnknownFrame(bucket.stack == kOverflowStack, stack.truncated);
    const uint64_t last[] = {unknown, causes[0], causes[1]};
    builder_.SampleLocations(stack.locations, stack.depth < kMost ? stack.depth : kMost, FirstCode(),
                             whole ? last + 1 : last, whole ? 2 : 3);
    WriteValues(static_cast<uint64_t>(bytes.resident), static_cast<uint64_t>(bytes.mapped));
    builder_.SampleLabel("bytes", static_cast<int64_t>(bucket.size), "bytes");
    WriteLabels(bucket.labels, &builder_);
    builder_.EndSample();
  }

  // Those of stacks last: every one that a sample names is then in the file.
  void WriteLocations() {
    for (uint32_t i = 1; i <= names_; ++i) WriteUnknownFrame(i, i, report_.rows().NameAt(i), &builder_);
    WriteUnknownFrame(names_ + 1, names_ + 1, kOverflowFrame, &builder_);
    WriteUnknownFrame(names_ + 2, names_ + 2, kTruncatedFrame, &builder_);
    WriteUnknownFrame(names_ + 3, names_ + 3, kBareCodeFrame, &builder_);
    const auto add = [&](uint64_t id, uint64_t address) {
      builder_.AddLocation({id, MappingId(modules_, modules_.Find(address)), address});
    };
    for (uint32_t i = 1; i <= mapping_locations_; ++i) {
      add(uint64_t{i} + names_ + 3, ProcessMappings().stacks().AddressOf(i));
    }
    const uint32_t count = source_.LocationCount();
    for (uint32_t i = 1; i <= count; ++i) add(uint64_t{i} + FirstCode(), source_.ReturnAddress(i) - 1);
  }

  void WriteComments() {
    WriteProcessComments(&builder_);
    const ProcessMemory& process = report_.state().process();
    if (process.resident == 0) {
      WriteComment("vm-rss", "not known, as /proc/self/status cannot be read", &builder_);
    } else {
      WriteComment("vm-rss", process.resident, &builder_);
    }
    if (report_.counted_above() != 0) WriteComment("counted-above-rss", report_.counted_above(), &builder_);
    if (!report_.state().heap_known()) {
      WriteComment("heap", "a row alone, as jemalloc's records are not laid out as known", &builder_);
    }
    WriteComment("vm-size", process.size, &builder_);
    WriteComment("rss-anonymous", process.anonymous, &builder_);
    WriteComment("rss-file", process.file, &builder_);
    WriteComment("rss-shared", process.shared, &builder_);
    WriteComment("swapped", process.swapped, &builder_);
    WriteComment("[kernel: page tables]", process.page_tables, &builder_);
    WriteComment("resident-pages-from", SourceName(report_.state().source()), &builder_);
    WriteComment("mapping-stacks", MappedByName(report_.state().mapped_by()), &builder_);
    if (const uint64_t lost = ProcessMappings().lost()) WriteComment("mapping-calls-lost", lost, &builder_);
    WriteComment("sample-interval", source_.Interval(), &builder_);
    // The stacks, and how a block's bytes part in asked and rounding, are known from samples.
    if (source_.Interval() != 1) {
      WriteComment("estimated", "the stacks under [live blocks] and [rounding to size classes]", &builder_);
      WriteComment("bytes-not-sampled", report_.shares().not_sampled(), &builder_);
      WriteComment("bytes-not-sampled-by-estimate", report_.shares().not_sampled_estimate(), &builder_);
    }
    if (modules_.dropped() != 0) WriteComment("dropped-mappings", modules_.dropped(), &builder_);
  }

  MemoryReport& report_;
  const HeapSource& source_;
  const uint32_t names_, mapping_locations_;
  GzipStream gzip_;
  ProfileBuilder builder_;
  ModuleTable modules_;
};

}  // namespace

size_t MemoryProfileWorkspaceSize() { return sizeof(Workspace); }

int WriteMemoryProfile(int debug, ByteSink* sink, void* workspace) {
  auto* space = static_cast<Workspace*>(workspace);
  auto* report = new (space->report) MemoryReport;
  const RecorderTables source;
  int error = report->Collect(source);
  if (error == 0 && debug == 0) error = ProtoWriter(report, source, sink, &space->proto).Write();
  if (error == 0 && debug != 0) error = WriteMemoryText(*report, source, sink, &space->text);
  report->~MemoryReport();
  return error;
}

}  // namespace heapprof
