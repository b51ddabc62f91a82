// SPDX-License-Identifier: Apache-2.0
#include "tools/clickhouse/rows.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "tools/clickhouse/native_block.h"
#include "tools/clickhouse/stack_frames.h"
#include "tools/estimate/estimate.h"
#include "tools/profile/frames.h"
#include "tools/profile/survey.h"

namespace heapprof::tools::clickhouse {
namespace {

constexpr char kCount[] = "count";
constexpr char kBytes[] = "bytes";

using Labels = std::vector<std::pair<std::string, std::string>>;

std::string TakeLabel(Labels* labels, std::string_view name) {
  for (auto at = labels->begin(); at != labels->end(); ++at) {
    if (at->first != name) continue;
    std::string value = std::move(at->second);
    labels->erase(at);
    return value;
  }
  return "";
}

// In containers many processes have the id 1.
std::string InstanceOf(const Profile& profile, const std::string& pid) {
  const uint64_t process = ProcessOf(profile);
  if (process == 0) return pid;
  char number[20];
  std::snprintf(number, sizeof number, "-%016" PRIx64, process);
  return pid + number;
}

// Unless there is one of that name.
void AddLabel(Labels* labels, const std::string& name, const std::string& value) {
  const auto at = std::lower_bound(labels->begin(), labels->end(), name,
                                   [](const auto& label, const auto& key) { return label.first < key; });
  if (value.empty() || (at != labels->end() && at->first == name)) return;
  labels->emplace(at, name, value);
}

bool IsInUse(std::string_view type) { return type.substr(0, 6) == "inuse_"; }

bool IsOfClock(const Profile& profile) {
  return profile.text(profile.header.period_type.unit) == "nanoseconds" && profile.header.duration_nanos > 0;
}

// A label of a sample, unless it is the size of its blocks.
bool IsTag(const Profile& profile, const ProfileLabel& label) {
  return label.str != 0 || profile.text(label.key) != kBytes;
}

}  // namespace

std::vector<Amount> AmountsOf(const Profile& profile) {
  std::vector<Amount> amounts;
  for (size_t i = 0; i < profile.type_count(); ++i) {
    const bool counts = profile.unit_name(i) == kCount;
    if (counts && i + 1 < profile.type_count() && profile.unit_name(i + 1) != kCount) {
      amounts.push_back({i + 1, i});
      ++i;
    } else {
      amounts.push_back({i, i});
    }
  }
  return amounts;
}

std::string KindOf(const Profile& profile) {
  std::string_view last;
  bool allocates = false;
  for (size_t i = 0; i < profile.type_count(); ++i) {
    last = profile.type_name(i);
    if (last == "inuse_space") return "heap";
    allocates = allocates || last == "alloc_space";
  }
  if (allocates) return "allocs";
  return std::string(last == "delay" ? "contention" : last);
}

struct RowWriter::Columns {
  std::vector<int64_t> time, duration, period, value, events;
  std::vector<uint8_t> is_delta;
  std::vector<uint64_t> label_ends, tag_ends, block_bytes, stack;
  Texts profile, type, unit, events_type, sampling, service, instance, version;
  Texts label_keys, label_values, tag_keys, tag_values;
  FrameColumns frames;
};

RowWriter::RowWriter(const std::unordered_set<uint64_t>* known)
    : columns_(std::make_unique<Columns>()), known_(known) {}
RowWriter::~RowWriter() = default;
RowWriter::RowWriter(RowWriter&&) noexcept = default;
RowWriter& RowWriter::operator=(RowWriter&&) noexcept = default;

size_t RowWriter::rows() const { return columns_->value.size(); }

void RowWriter::Add(const Profile& profile, const Origin& origin) {
  Columns& to = *columns_;
  const StackFrames frames(profile);
  Labels labels = origin.labels;
  std::string service = TakeLabel(&labels, "service"), instance = TakeLabel(&labels, "instance");
  const std::string version = TakeLabel(&labels, "version");
  if (service.empty() && !profile.mappings.empty()) {
    service = BaseName(profile.text(profile.mappings[0].filename));
  }
  const std::string pid(CommentValue(profile, "pid"));
  if (instance.empty()) instance = CommentValue(profile, "run");
  if (instance.empty()) instance = InstanceOf(profile, pid);
  AddLabel(&labels, "pid", pid);
  const ProfileHeader& header = profile.header;
  const std::string sampling = std::string(profile.text(header.period_type.type)) + "/" +
                               std::string(profile.text(header.period_type.unit));
  const std::string kind = origin.kind.empty() ? clickhouse::KindOf(profile) : origin.kind;
  const auto add = [&](const Amount& amount, int64_t value, int64_t events, uint64_t block, uint64_t stack) {
    to.time.push_back(origin.time_ns != 0 ? origin.time_ns : header.time_nanos);
    to.duration.push_back(origin.duration_ns != 0 ? origin.duration_ns : header.duration_nanos);
    const bool is_state = !origin.is_in_use_delta && IsInUse(profile.type_name(amount.type));
    to.is_delta.push_back(!is_state && (origin.is_delta || IsOfClock(profile)) ? 1 : 0);
    to.profile.Add(kind);
    to.type.Add(profile.type_name(amount.type));
    to.unit.Add(profile.unit_name(amount.type));
    to.events_type.Add(amount.events == amount.type ? "" : profile.type_name(amount.events));
    to.sampling.Add(sampling);
    to.period.push_back(header.period);
    to.service.Add(service);
    to.instance.Add(instance);
    to.version.Add(version);
    for (const auto& [key, text] : labels) {
      to.label_keys.Add(key);
      to.label_values.Add(text);
    }
    to.label_ends.push_back(to.label_keys.size());
    to.block_bytes.push_back(block);
    to.stack.push_back(stack);
    to.value.push_back(value);
    to.events.push_back(events);
  };
  const std::vector<Amount> amounts = AmountsOf(profile);
  std::vector<bool> has_rows(amounts.size());
  std::vector<Estimator> estimators;
  estimators.reserve(amounts.size());
  for (const Amount& amount : amounts) estimators.emplace_back(profile, amount.type);
  for (uint32_t i = 0; i < profile.samples.size(); ++i) {
    const ProfileSample& sample = profile.samples[i];
    const Range<int64_t> values = profile.values_of(i);
    const uint64_t stack = frames.NumberOf(sample);
    for (size_t k = 0; k < amounts.size(); ++k) {
      const int64_t value = values[amounts[k].type];
      const int64_t events = amounts[k].events == amounts[k].type ? 0 : values[amounts[k].events];
      if (value == 0 && events == 0) continue;
      has_rows[k] = true;
      add(amounts[k], value, events, static_cast<uint64_t>(std::llround(estimators[k].BlockSize(i))), stack);
      for (const ProfileLabel& label : profile.labels_of(sample)) {
        if (!IsTag(profile, label)) continue;
        to.tag_keys.Add(profile.text(label.key));
        to.tag_values.Add(label.str != 0 ? profile.text(label.str) : std::to_string(label.num));
      }
      to.tag_ends.push_back(to.tag_keys.size());
      const bool is_known = stack == 0 || (known_ != nullptr && known_->count(stack) != 0);
      if (!is_known && new_stacks_.insert(stack).second) {
        to.frames.Add(frames, sample);
      } else {
        to.frames.AddNone();
      }
    }
  }
  for (size_t k = 0; k < amounts.size(); ++k) {
    if (has_rows[k]) continue;
    add(amounts[k], 0, 0, 0, 0);
    to.tag_ends.push_back(to.tag_keys.size());
    to.frames.AddNone();
  }
}

std::string RowWriter::TakeBlock() {
  if (rows() == 0) return "";
  constexpr size_t kColumns = 19;
  const std::unique_ptr<Columns> from = std::exchange(columns_, std::make_unique<Columns>());
  NativeBlock block(kColumns, from->value.size());
  block.AddNumbers("time", "DateTime64(9, 'UTC')", from->time);
  block.AddNumbers("duration", "Int64", from->duration);
  block.AddNumbers("is_delta", "UInt8", from->is_delta);
  block.AddTexts("profile", from->profile);
  block.AddTexts("type", from->type);
  block.AddTexts("unit", from->unit);
  block.AddTexts("events_type", from->events_type);
  block.AddTexts("sampling", from->sampling);
  block.AddNumbers("period", "Int64", from->period);
  block.AddTexts("service", from->service);
  block.AddTexts("instance", from->instance);
  block.AddTexts("version", from->version);
  const std::string map = std::string("Map(") + kTextType + ", " + kTextType + ")";
  block.BeginTuples("labels", map, 2, from->label_ends);
  block.AddElements(from->label_keys);
  block.AddElements(from->label_values);
  block.BeginTuples("tags", map, 2, from->tag_ends);
  block.AddElements(from->tag_keys);
  block.AddElements(from->tag_values);
  block.AddNumbers("block_bytes", "UInt64", from->block_bytes);
  block.AddNumbers("stack", "UInt64", from->stack);
  block.AddNumbers("value", "Int64", from->value);
  block.AddNumbers("events", "Int64", from->events);
  from->frames.AppendTo(&block);
  return block.Take();
}

}  // namespace heapprof::tools::clickhouse
