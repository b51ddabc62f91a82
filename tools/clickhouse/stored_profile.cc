// SPDX-License-Identifier: Apache-2.0
#include "tools/clickhouse/stored_profile.h"

#include <charconv>
#include <cmath>

#include "tools/base/failure.h"
#include "tools/profile/frames.h"

namespace heapprof::tools::clickhouse {
namespace {

// Where a module is put: no file is as large.
constexpr uint64_t kModuleRange = uint64_t{1} << 40;

// Each sample has a value of each.
constexpr size_t kMaxKinds = 32;

struct Frames {
  std::vector<std::string_view> functions, linkage_names, files, modules, build_ids;
  std::vector<uint32_t> start_lines, lines;
  std::vector<uint64_t> offsets;
  std::vector<uint8_t> inlined;

  bool IsConsistent() const {
    const size_t count = functions.size();
    return linkage_names.size() == count && files.size() == count && modules.size() == count &&
           build_ids.size() == count && start_lines.size() == count && lines.size() == count &&
           offsets.size() == count && inlined.size() == count;
  }
};

Frames ReadFrames(RowReader* row) {
  Frames frames;
  frames.functions = row->Texts();
  frames.linkage_names = row->Texts();
  frames.files = row->Texts();
  frames.start_lines = row->Numbers<uint32_t>();
  frames.lines = row->Numbers<uint32_t>();
  frames.modules = row->Texts();
  frames.build_ids = row->Texts();
  frames.offsets = row->Numbers<uint64_t>();
  frames.inlined = row->Numbers<uint8_t>();
  if (!frames.IsConsistent()) throw Failure("the server has a stack whose columns do not agree");
  return frames;
}

// True for the name that stands for a function without one; *start is where it begins, 0 if not known.
bool IsUnnamed(std::string_view name, std::string_view module, uint64_t* start) {
  *start = 0;
  if (name == "<unknown>") return true;
  const std::string_view base = BaseName(module);
  if (module.empty() || name.size() < base.size() + 2 || name.front() != '[' || name.back() != ']' ||
      name.substr(1, base.size()) != base) {
    return false;
  }
  std::string_view place = name.substr(1 + base.size(), name.size() - base.size() - 2);
  if (place.empty()) return true;
  if (place.substr(0, 3) != "+0x") return false;
  place.remove_prefix(3);
  const auto result = std::from_chars(place.data(), place.data() + place.size(), *start, 16);
  return result.ec == std::errc() && result.ptr == place.data() + place.size();
}

int64_t ObjectsOf(int64_t bytes, uint64_t block_size) {
  return std::llround(static_cast<double>(bytes) / static_cast<double>(block_size));
}

}  // namespace

StoredProfile::StoredProfile() : strings_(&profile_.header.strings) {}

uint32_t StoredProfile::KindOf(std::string_view type, std::string_view unit, std::string_view events) {
  const Kind kind(type, unit, events);
  return kinds_.emplace(kind, static_cast<uint32_t>(kinds_.size())).first->second;
}

void StoredProfile::CheckSampling(std::string_view sampling, int64_t period) {
  if (rows_++ == 0) {
    sampling_ = sampling;
    period_ = period;
    return;
  }
  if (sampling == sampling_ && period == period_) return;
  throw Failure("has samples of the period " + std::to_string(period_) + " " + Printable(sampling_) +
                " and of " + std::to_string(period) + " " + Printable(sampling) +
                ": choose one by period=N in the address");
}

void StoredProfile::AddLabels(uint32_t sample, uint64_t block_bytes,
                              const std::vector<std::string_view>& keys,
                              const std::vector<std::string_view>& values) {
  if (keys.size() != values.size()) throw Failure("the server has a sample whose tags do not agree");
  ProfileSample& to = profile_.samples[sample];
  to.first_label = static_cast<uint32_t>(profile_.labels.size());
  if (block_bytes != 0 && block_bytes <= INT64_MAX) {
    const uint32_t bytes = strings_.Intern("bytes");
    profile_.labels.push_back({bytes, 0, bytes, static_cast<int64_t>(block_bytes)});
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    profile_.labels.push_back({strings_.Intern(keys[i]), strings_.Intern(values[i]), 0, 0});
  }
  to.label_count = static_cast<uint32_t>(profile_.labels.size()) - to.first_label;
}

void StoredProfile::AddAmounts(std::string_view rows) {
  for (RowReader row(rows); !row.AtEnd();) {
    const std::string_view before = row.rest();
    const auto stack = row.Number<uint64_t>(), block_bytes = row.Number<uint64_t>();
    const std::vector<std::string_view> keys = row.Texts(), values = row.Texts();
    const std::string_view key = before.substr(0, before.size() - row.rest().size());
    const std::string_view type = row.Text(), unit = row.Text(), events = row.Text(), sampling = row.Text();
    const auto period = row.Number<int64_t>(), amount = row.Number<int64_t>(), number = row.Number<int64_t>();
    const bool fits_size = row.Number<uint8_t>() != 0;
    CheckSampling(sampling, period);
    const uint32_t kind = KindOf(type, unit, events);
    if (kinds_.size() > kMaxKinds) throw Failure("has samples of too many types");
    if (amount == 0 && number == 0) continue;
    const auto [found, is_new] = samples_.emplace(key, static_cast<uint32_t>(profile_.samples.size()));
    if (is_new) {
      profile_.samples.emplace_back();
      AddLabels(found->second, block_bytes, keys, values);
      samples_of_stack_[stack].push_back(found->second);
      block_sizes_.push_back(block_bytes);
      fits_size_.push_back(true);
    }
    values_.push_back({found->second, kind, amount, number});
    if (!fits_size || block_bytes == 0) fits_size_[found->second] = false;
  }
}

uint32_t StoredProfile::MappingOf(std::string_view module, std::string_view build_id) {
  if (module.empty() && build_id.empty()) return kNone;
  const auto [found, is_new] =
      mappings_.emplace(std::pair(strings_.Intern(module), strings_.Intern(build_id)),
                        static_cast<uint32_t>(profile_.mappings.size()));
  if (is_new) {
    ProfileMapping mapping;
    mapping.start = kModuleRange * (profile_.mappings.size() + 1);
    mapping.limit = mapping.start + kModuleRange;
    mapping.filename = found->first.first;
    mapping.build_id = found->first.second;
    mapping.has_functions = mapping.has_filenames = mapping.has_line_numbers = mapping.has_inline_frames =
        true;
    profile_.mappings.push_back(mapping);
  }
  return found->second;
}

uint32_t StoredProfile::FunctionOf(std::string_view name, std::string_view linkage_name,
                                   std::string_view file, uint32_t line) {
  ProfileFunction function;
  function.name = strings_.Intern(name);
  function.system_name = strings_.Intern(linkage_name);
  function.filename = strings_.Intern(file);
  function.start_line = line;
  const auto [found, is_new] = functions_.emplace(
      std::tuple(function.name, function.system_name, function.filename, function.start_line),
      static_cast<uint32_t>(profile_.functions.size()));
  if (is_new) profile_.functions.push_back(function);
  return found->second;
}

void StoredProfile::AddStacks(std::string_view rows) {
  std::vector<uint64_t> key;
  for (RowReader row(rows); !row.AtEnd();) {
    const auto stack = row.Number<uint64_t>();
    const Frames frames = ReadFrames(&row);
    const auto first_frame = static_cast<uint32_t>(profile_.frames.size());
    for (size_t i = 0; i < frames.functions.size(); ++i) {
      ProfileLocation location;
      location.mapping = MappingOf(frames.modules[i], frames.build_ids[i]);
      location.address = frames.offsets[i];
      if (location.mapping != kNone) location.address += profile_.mappings[location.mapping].start;
      std::vector<ProfileLine> lines;
      uint64_t start = 0;
      const bool unnamed =
          IsUnnamed(frames.functions[i], frames.modules[i], &start) && frames.inlined[i] == 0;
      location.function_start = unnamed ? start : 0;
      for (; !unnamed; ++i) {
        lines.push_back(
            {FunctionOf(frames.functions[i], frames.linkage_names[i], frames.files[i], frames.start_lines[i]),
             frames.lines[i]});
        if (frames.inlined[i] == 0 || i + 1 == frames.functions.size()) break;
      }
      key = {location.mapping, location.address, location.function_start};
      for (const ProfileLine& line : lines) {
        key.push_back(line.function);
        key.push_back(static_cast<uint64_t>(line.line));
      }
      const auto [found, is_new] = locations_.emplace(key, static_cast<uint32_t>(profile_.locations.size()));
      if (is_new) {
        location.first_line = static_cast<uint32_t>(profile_.lines.size());
        location.line_count = static_cast<uint32_t>(lines.size());
        profile_.lines.insert(profile_.lines.end(), lines.begin(), lines.end());
        profile_.locations.push_back(location);
      }
      profile_.frames.push_back(found->second);
    }
    if (profile_.frames.size() >= kNone) throw Failure("has more than 4294967294 frames");
    const auto frame_count = static_cast<uint32_t>(profile_.frames.size()) - first_frame;
    const auto samples = samples_of_stack_.find(stack);
    if (samples == samples_of_stack_.end()) continue;
    for (const uint32_t sample : samples->second) {
      profile_.samples[sample].first_frame = first_frame;
      profile_.samples[sample].frame_count = frame_count;
    }
    samples_of_stack_.erase(samples);
  }
}

void StoredProfile::AddExtent(std::string_view row) {
  RowReader reader(row);
  const auto processes = reader.Number<uint64_t>(), profiles = reader.Number<uint64_t>();
  is_sum_ = profiles > 1;
  profile_.header.time_nanos = reader.Number<int64_t>();
  profile_.header.duration_nanos = reader.Number<int64_t>();
  profile_.header.comments.push_back(strings_.Intern("merged-files: " + std::to_string(profiles)));
  profile_.header.comments.push_back(strings_.Intern("processes: " + std::to_string(processes)));
}

void StoredProfile::SetTypes() {
  ProfileHeader& header = profile_.header;
  std::vector<std::pair<size_t, size_t>> places(kinds_.size());  // of the amount and of its count, by kind
  for (const auto& [kind, number] : kinds_) {
    const auto& [type, unit, events] = kind;
    if (!events.empty()) header.sample_types.push_back({strings_.Intern(events), strings_.Intern("count")});
    header.sample_types.push_back({strings_.Intern(type), strings_.Intern(unit)});
    const size_t place = header.sample_types.size() - 1;
    places[number] = {place, events.empty() ? place : place - 1};
    if (type == "inuse_space") header.default_sample_type = header.sample_types.back().type;
  }
  profile_.values.assign(profile_.samples.size() * header.sample_types.size(), 0);
  for (const Value& value : values_) {
    int64_t* values = profile_.values.data() + value.sample * header.sample_types.size();
    const auto [place, count] = places[value.kind];
    values[place] = value.amount;
    if (count == place) continue;
    // As sums of files have it: the numbers of objects were rounded in each (tools/profile/merge.h).
    const bool corrected = is_sum_ && fits_size_[value.sample];
    values[count] = corrected ? ObjectsOf(value.amount, block_sizes_[value.sample]) : value.number;
  }
}

Profile StoredProfile::Finish() {
  SetTypes();
  const size_t slash = sampling_.find('/');
  if (slash != std::string::npos) {
    profile_.header.period_type = {strings_.Intern(sampling_.substr(0, slash)),
                                   strings_.Intern(sampling_.substr(slash + 1))};
  }
  profile_.header.period = period_;
  // Stacks whose frames a server has lost, or has not got yet.
  const uint32_t lost = FunctionOf("[heapprof: stack not in the table stacks]", "", "", 0);
  for (const auto& [stack, samples] : samples_of_stack_) {
    if (stack == 0) continue;
    if (locations_.emplace(std::vector<uint64_t>{}, static_cast<uint32_t>(profile_.locations.size()))
            .second) {
      ProfileLocation location;
      location.first_line = static_cast<uint32_t>(profile_.lines.size());
      location.line_count = 1;
      profile_.lines.push_back({lost, 0});
      profile_.locations.push_back(location);
    }
    for (const uint32_t sample : samples) {
      profile_.samples[sample].first_frame = static_cast<uint32_t>(profile_.frames.size());
      profile_.samples[sample].frame_count = 1;
    }
    profile_.frames.push_back(locations_[{}]);
  }
  // What was known where the rows were made is all there is to know here.
  profile_.looked_up = true;
  return std::move(profile_);
}

}  // namespace heapprof::tools::clickhouse
