// SPDX-License-Identifier: Apache-2.0
// Puts a profile together, in pprof's format, as a stream.
//
// Calls may come in any order that suits the caller, as the format allows its fields in any order; ids are
// the caller's own, unique and not 0, so that a sample may name locations that are written after it. The
// string table is written last, by Finish().
//
//     ProfileBuilder builder(&gzip, &workspace);
//     builder.AddSampleType("inuse_space", "bytes");
//     builder.StartSample();
//     builder.SampleLocations(ids, depth);            // the leaf first
//     builder.SampleValues(values, 1);
//     builder.SampleLabel("bytes", 4096, "bytes");
//     builder.EndSample();
//     builder.AddLocation({id, mapping, return_address - 1});
//     int error = builder.Finish();
//
// Names given as `const char*` outlive the builder unless the function says "copied".
// Thread-safety: an object belongs to one writer. Signal-safety: yes. Allocates: never. Errors are sticky and
// come out of Finish().
// Invariant: a sample of kMaxSampleLocations, any values and kMaxSampleLabels fits the encoder's buffer, so a
// stack that is too deep is cut, never an error.
#ifndef HEAPPROF_PROTO_PROFILE_BUILDER_H_
#define HEAPPROF_PROTO_PROFILE_BUILDER_H_

#include <stddef.h>
#include <stdint.h>

#include "proto/string_table.h"
#include "proto/wire.h"

namespace heapprof {

class ProfileBuilder {
 public:
  static constexpr size_t kMaxSampleLocations = 4096;
  static constexpr size_t kMaxLastLocations = 8;
  static constexpr size_t kMaxSampleValues = 16;
  static constexpr size_t kMaxSampleLabels = 64;
  static constexpr size_t kMaxLines = 256;

  static constexpr uint32_t kMaxLabelTexts = 1 << 18;

  struct Workspace {
    uint8_t wire[WireEncoder::kBufferSize];
    StringTable::Workspace strings;
    uint8_t label_texts_used[kMaxLabelTexts / 8];
  };

  // Texts that labels have, known by their numbers from 1 to `count` < kMaxLabelTexts: however many there
  // are, the names of files and types find room in the table of strings.
  struct LabelTexts {
    uint32_t count;
    const char* (*at)(uint32_t number);
  };

  struct MappingInfo {
    uint64_t id;
    uint64_t start, limit, file_offset;
    const char* filename;
    const char* build_id;        // lower-case hex, may be ""
    bool has_functions = false;  // each location of it has lines: readers then look nothing up
  };
  struct LineInfo {
    uint64_t function_id;
    int64_t line;
  };
  struct LocationInfo {
    uint64_t id;
    uint64_t mapping_id;              // 0: none
    uint64_t address;                 // return address - 1
    const LineInfo* lines = nullptr;  // innermost inlined function first
    size_t line_count = 0;
  };
  struct FunctionInfo {
    uint64_t id;
    const char* name;         // demangled
    const char* system_name;  // mangled
    const char* filename;
    int64_t start_line;
  };

  // `workspace` is zeroed memory.
  ProfileBuilder(ByteSink* sink, Workspace* workspace, const LabelTexts& label_texts = {0, nullptr});
  ProfileBuilder(const ProfileBuilder&) = delete;
  ProfileBuilder& operator=(const ProfileBuilder&) = delete;

  void AddSampleType(const char* type, const char* unit);
  void SetPeriod(const char* type, const char* unit, int64_t period);
  void SetDefaultSampleType(const char* type);
  void SetDropFrames(const char* regular_expression);
  void SetKeepFrames(const char* regular_expression);
  void SetTimeNanos(int64_t since_epoch);
  void SetDurationNanos(int64_t duration);         // left out on snapshots
  void AddComment(const char* text, size_t size);  // copied

  void AddMapping(const MappingInfo& mapping);  // the main binary first
  void AddLocation(const LocationInfo& location);
  void AddFunction(const FunctionInfo& function);

  // One sample: its locations (once), its values (once, one for each sample type), its labels.
  void StartSample();
  // `ids` with `shift` added to each, and then `last` unless that is 0. At most kMaxSampleLocations are kept.
  void SampleLocations(const uint32_t* ids, size_t count, uint32_t shift = 0, uint64_t last = 0);
  // The same with several that come last; at most kMaxLastLocations.
  void SampleLocations(const uint32_t* ids, size_t count, uint32_t shift, const uint64_t* last,
                       size_t last_count);
  void SampleValues(const int64_t* values, size_t count);
  void SampleLabel(const char* key, int64_t number, const char* unit);
  void SampleLabel(const char* key, const char* text);
  void SampleLabel(const char* key, const char* text, size_t size);  // the text is copied
  // By the numbers of its texts; left out if they are not among the builder's.
  void SampleLabel(uint32_t key, uint32_t text);
  void EndSample();

  // Writes what is held and the string table, in which what is no UTF-8 becomes U+FFFD, as strict readers
  // refuse a profile for it. 0 or -errno: the profile is complete or is to be thrown away.
  int Finish();

  int error() const { return wire_.error(); }

 private:
  void ValueType(int field, const char* type, const char* unit);
  bool TakeLabel();
  void UseLabelText(uint32_t number);
  void WriteText(const char* text, size_t size);

  LabelTexts label_texts_;
  uint8_t* label_texts_used_;
  StringTable strings_;
  WireEncoder wire_;
  WireEncoder::Mark sample_{0};
  size_t labels_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_PROTO_PROFILE_BUILDER_H_
