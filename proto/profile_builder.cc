// SPDX-License-Identifier: Apache-2.0
#include "proto/profile_builder.h"

#include <string.h>

#include "base/utf8.h"
#include "proto/fields.h"

namespace heapprof {
namespace {

// The longest encoding of one sample: ids and values of ten bytes, labels of four fields, headers.
constexpr size_t kLongestSample =
    (ProfileBuilder::kMaxSampleLocations + ProfileBuilder::kMaxSampleValues + 2) * WireEncoder::kMaxVarint +
    ProfileBuilder::kMaxSampleLabels * (4 * (1 + WireEncoder::kMaxVarint) + 2);
static_assert(kLongestSample <= WireEncoder::kMessageCapacity, "a sample must fit the encoder's buffer");

}  // namespace

ProfileBuilder::ProfileBuilder(ByteSink* sink, Workspace* workspace, const LabelTexts& label_texts)
    : label_texts_(label_texts),
      label_texts_used_(workspace->label_texts_used),
      strings_(&workspace->strings, label_texts.count),
      wire_(sink, workspace->wire) {}

void ProfileBuilder::ValueType(int field, const char* type, const char* unit) {
  WireEncoder::Mark start = wire_.StartMessage();
  wire_.Int64(fields::value_type::kType, strings_.Add(type));
  wire_.Int64(fields::value_type::kUnit, strings_.Add(unit));
  wire_.EndMessage(field, start);
}

void ProfileBuilder::AddSampleType(const char* type, const char* unit) {
  ValueType(fields::profile::kSampleType, type, unit);
}

void ProfileBuilder::SetPeriod(const char* type, const char* unit, int64_t period) {
  ValueType(fields::profile::kPeriodType, type, unit);
  wire_.Int64Opt(fields::profile::kPeriod, period);
}

void ProfileBuilder::SetDefaultSampleType(const char* type) {
  wire_.Int64Opt(fields::profile::kDefaultSampleType, strings_.Add(type));
}

void ProfileBuilder::SetDropFrames(const char* regular_expression) {
  wire_.Int64Opt(fields::profile::kDropFrames, strings_.Add(regular_expression));
}

void ProfileBuilder::SetKeepFrames(const char* regular_expression) {
  wire_.Int64Opt(fields::profile::kKeepFrames, strings_.Add(regular_expression));
}

void ProfileBuilder::SetTimeNanos(int64_t since_epoch) {
  wire_.Int64Opt(fields::profile::kTimeNanos, since_epoch);
}

void ProfileBuilder::SetDurationNanos(int64_t duration) {
  wire_.Int64Opt(fields::profile::kDurationNanos, duration);
}

void ProfileBuilder::AddComment(const char* text, size_t size) {
  wire_.Int64(fields::profile::kComment, strings_.AddCopy(text, size));
}

void ProfileBuilder::AddMapping(const MappingInfo& mapping) {
  WireEncoder::Mark start = wire_.StartMessage();
  wire_.Uint64(fields::mapping::kId, mapping.id);
  wire_.Uint64Opt(fields::mapping::kMemoryStart, mapping.start);
  wire_.Uint64Opt(fields::mapping::kMemoryLimit, mapping.limit);
  wire_.Uint64Opt(fields::mapping::kFileOffset, mapping.file_offset);
  wire_.Int64Opt(fields::mapping::kFilename, strings_.Add(mapping.filename));
  wire_.Int64Opt(fields::mapping::kBuildId, strings_.Add(mapping.build_id));
  wire_.BoolOpt(fields::mapping::kHasFunctions, mapping.has_functions);
  wire_.EndMessage(fields::profile::kMapping, start);
}

void ProfileBuilder::AddLocation(const LocationInfo& location) {
  WireEncoder::Mark start = wire_.StartMessage();
  wire_.Uint64(fields::location::kId, location.id);
  wire_.Uint64Opt(fields::location::kMappingId, location.mapping_id);
  wire_.Uint64Opt(fields::location::kAddress, location.address);
  size_t lines = location.line_count < kMaxLines ? location.line_count : kMaxLines;
  for (size_t i = 0; i < lines; i++) {
    WireEncoder::Mark line = wire_.StartMessage();
    wire_.Uint64(fields::line::kFunctionId, location.lines[i].function_id);
    wire_.Int64Opt(fields::line::kLine, location.lines[i].line);
    wire_.EndMessage(fields::location::kLine, line);
  }
  wire_.EndMessage(fields::profile::kLocation, start);
}

void ProfileBuilder::AddFunction(const FunctionInfo& function) {
  WireEncoder::Mark start = wire_.StartMessage();
  wire_.Uint64(fields::function::kId, function.id);
  wire_.Int64Opt(fields::function::kName, strings_.Add(function.name));
  wire_.Int64Opt(fields::function::kSystemName, strings_.Add(function.system_name));
  wire_.Int64Opt(fields::function::kFilename, strings_.Add(function.filename));
  wire_.Int64Opt(fields::function::kStartLine, function.start_line);
  wire_.EndMessage(fields::profile::kFunction, start);
}

void ProfileBuilder::StartSample() {
  sample_ = wire_.StartMessage();
  labels_ = 0;
}

void ProfileBuilder::SampleLocations(const uint32_t* ids, size_t count, uint32_t shift, uint64_t last) {
  SampleLocations(ids, count, shift, &last, last != 0 ? 1 : 0);
}

void ProfileBuilder::SampleLocations(const uint32_t* ids, size_t count, uint32_t shift, const uint64_t* last,
                                     size_t last_count) {
  if (last_count > kMaxLastLocations) last_count = kMaxLastLocations;
  if (count > kMaxSampleLocations - last_count) count = kMaxSampleLocations - last_count;
  if (count + last_count <= 2) {
    for (size_t i = 0; i < count; i++) wire_.Uint64(fields::sample::kLocationId, uint64_t{ids[i]} + shift);
    for (size_t i = 0; i < last_count; i++) wire_.Uint64(fields::sample::kLocationId, last[i]);
    return;
  }
  WireEncoder::Mark packed = wire_.StartMessage();
  for (size_t i = 0; i < count; i++) wire_.Varint(uint64_t{ids[i]} + shift);
  for (size_t i = 0; i < last_count; i++) wire_.Varint(last[i]);
  wire_.EndMessage(fields::sample::kLocationId, packed);
}

void ProfileBuilder::SampleValues(const int64_t* values, size_t count) {
  wire_.Int64s(fields::sample::kValue, values, count < kMaxSampleValues ? count : kMaxSampleValues);
}

bool ProfileBuilder::TakeLabel() { return labels_++ < kMaxSampleLabels; }

void ProfileBuilder::SampleLabel(const char* key, int64_t number, const char* unit) {
  if (!TakeLabel()) return;
  WireEncoder::Mark start = wire_.StartMessage();
  wire_.Int64(fields::label::kKey, strings_.Add(key));
  wire_.Int64Opt(fields::label::kNum, number);
  wire_.Int64Opt(fields::label::kNumUnit, strings_.Add(unit));
  wire_.EndMessage(fields::sample::kLabel, start);
}

void ProfileBuilder::SampleLabel(const char* key, const char* text) {
  if (!TakeLabel()) return;
  WireEncoder::Mark start = wire_.StartMessage();
  wire_.Int64(fields::label::kKey, strings_.Add(key));
  wire_.Int64(fields::label::kStr, strings_.Add(text));
  wire_.EndMessage(fields::sample::kLabel, start);
}

void ProfileBuilder::SampleLabel(const char* key, const char* text, size_t size) {
  if (!TakeLabel()) return;
  WireEncoder::Mark start = wire_.StartMessage();
  wire_.Int64(fields::label::kKey, strings_.Add(key));
  wire_.Int64(fields::label::kStr, strings_.AddCopy(text, size));
  wire_.EndMessage(fields::sample::kLabel, start);
}

void ProfileBuilder::SampleLabel(uint32_t key, uint32_t text) {
  if (key > label_texts_.count || text > label_texts_.count || !TakeLabel()) return;
  UseLabelText(key);
  UseLabelText(text);
  WireEncoder::Mark start = wire_.StartMessage();
  wire_.Int64(fields::label::kKey, key);
  wire_.Int64(fields::label::kStr, text);
  wire_.EndMessage(fields::sample::kLabel, start);
}

void ProfileBuilder::UseLabelText(uint32_t number) {
  label_texts_used_[number / 8] = static_cast<uint8_t>(label_texts_used_[number / 8] | 1u << number % 8);
}

void ProfileBuilder::EndSample() { wire_.EndMessage(fields::profile::kSample, sample_); }

void ProfileBuilder::WriteText(const char* text, size_t size) {
  constexpr int kField = fields::profile::kStringTable;
  constexpr size_t kReplacementSize = sizeof(kReplacement) - 1;
  size_t bad = 0;  // bytes
  for (size_t at = Utf8Prefix(text, size); at < size; at += 1 + Utf8Prefix(text + at + 1, size - at - 1))
    bad++;
  if (bad == 0) return wire_.String(kField, text, size);
  wire_.StringHead(kField, size - bad + bad * kReplacementSize);
  for (size_t at = 0; at < size;) {
    size_t good = Utf8Prefix(text + at, size - at);
    wire_.StringPart(text + at, good);
    at += good;
    if (at == size) break;
    wire_.StringPart(kReplacement, kReplacementSize);
    at++;
  }
}

int ProfileBuilder::Finish() {
  for (uint32_t i = 0; i < strings_.count(); i++) {
    const StringTable::Entry& entry = strings_.at(i);
    WriteText(entry.text, entry.size);
    if (i != 0) continue;
    // Those that this profile does not need keep their places, empty.
    for (uint32_t number = 1; number <= label_texts_.count && wire_.error() == 0; number++) {
      bool used = (label_texts_used_[number / 8] >> number % 8 & 1) != 0;
      const char* label = used ? label_texts_.at(number) : "";
      WriteText(label, strlen(label));
    }
  }
  return wire_.Flush();
}

}  // namespace heapprof
