// SPDX-License-Identifier: Apache-2.0
#include "tools/send/rules/fit.h"

#include <algorithm>
#include <unordered_map>

#include "tools/base/failure.h"
#include "tools/profile/interner.h"
#include "tools/profile/profile_writer.h"

namespace heapprof::tools::send {
namespace {

constexpr char kSizeLabel[] = "bytes";

// A profile of some samples of another, with what they need.
class Piece {
 public:
  Piece(const Profile& whole, size_t begin, size_t end)
      : whole_(whole),
        strings_(&piece_.header.strings),
        location_at_(whole.locations.size(), kNone),
        function_at_(whole.functions.size(), kNone),
        string_at_(whole.header.strings.size(), kNone) {
    AddHeader();
    // All of them: comments may tell of each by its place.
    for (ProfileMapping mapping : whole.mappings) {
      mapping.filename = Text(mapping.filename);
      mapping.build_id = Text(mapping.build_id);
      piece_.mappings.push_back(mapping);
    }
    for (size_t i = begin; i < end; ++i) AddSample(i);
  }

  std::string Serialize() const { return SerializeProfile(piece_); }

 private:
  uint32_t Text(int64_t string) {
    uint32_t& at = string_at_[static_cast<size_t>(string)];
    if (at == kNone) at = strings_.Intern(whole_.text(string));
    return at;
  }
  ValueType Type(const ValueType& type) { return {Text(type.type), Text(type.unit)}; }

  void AddHeader() {
    const ProfileHeader& from = whole_.header;
    ProfileHeader* to = &piece_.header;
    for (const ValueType& type : from.sample_types) to->sample_types.push_back(Type(type));
    if (from.period_type.type != 0) to->period_type = Type(from.period_type);
    to->period = from.period;
    to->time_nanos = from.time_nanos;
    to->duration_nanos = from.duration_nanos;
    to->drop_frames = Text(from.drop_frames);
    to->keep_frames = Text(from.keep_frames);
    to->default_sample_type = Text(from.default_sample_type);
    for (const int64_t comment : from.comments) to->comments.push_back(Text(comment));
  }

  void AddSample(size_t index) {
    const ProfileSample& from = whole_.samples[index];
    ProfileSample to;
    to.first_frame = static_cast<uint32_t>(piece_.frames.size());
    to.frame_count = from.frame_count;
    for (const uint32_t location : whole_.stack(from)) piece_.frames.push_back(Location(location));
    to.first_label = static_cast<uint32_t>(piece_.labels.size());
    to.label_count = from.label_count;
    for (const ProfileLabel& label : whole_.labels_of(from)) {
      piece_.labels.push_back({Text(label.key), Text(label.str), Text(label.unit), label.num});
    }
    piece_.samples.push_back(to);
    const Range<int64_t> values = whole_.values_of(index);
    piece_.values.insert(piece_.values.end(), values.begin(), values.end());
  }

  uint32_t Location(uint32_t index) {
    uint32_t& at = location_at_[index];
    if (at != kNone) return at;
    const ProfileLocation& from = whole_.locations[index];
    ProfileLocation to = from;
    to.first_line = static_cast<uint32_t>(piece_.lines.size());
    for (const ProfileLine& line : whole_.lines_of(from)) {
      piece_.lines.push_back({line.function == kNone ? kNone : Function(line.function), line.line});
    }
    at = static_cast<uint32_t>(piece_.locations.size());
    piece_.locations.push_back(to);
    return at;
  }

  uint32_t Function(uint32_t index) {
    uint32_t& at = function_at_[index];
    if (at != kNone) return at;
    ProfileFunction function = whole_.functions[index];
    function.name = Text(function.name);
    function.system_name = Text(function.system_name);
    function.filename = Text(function.filename);
    at = static_cast<uint32_t>(piece_.functions.size());
    piece_.functions.push_back(function);
    return at;
  }

  const Profile& whole_;
  Profile piece_;
  Interner strings_;
  std::vector<uint32_t> location_at_, function_at_, string_at_;
};

void DropSamplesWithoutValue(Profile* profile) {
  const size_t types = profile->type_count();
  size_t kept = 0;
  for (size_t i = 0; i < profile->samples.size(); ++i) {
    const Range<int64_t> values = profile->values_of(i);
    if (std::all_of(values.begin(), values.end(), [](int64_t value) { return value == 0; })) continue;
    profile->samples[kept] = profile->samples[i];
    std::copy(values.begin(), values.end(), profile->values.begin() + static_cast<ptrdiff_t>(kept * types));
    ++kept;
  }
  profile->samples.resize(kept);
  profile->values.resize(kept * types);
}

bool IsTooMuch(size_t samples, size_t bytes, const FitLimits& limits) {
  return (limits.max_samples != 0 && samples > limits.max_samples) ||
         (limits.max_bytes != 0 && bytes > limits.max_bytes);
}

void Cut(const Profile& profile, size_t begin, size_t end, const FitLimits& limits,
         std::vector<std::string>* pieces) {
  const size_t samples = end - begin;
  if (!IsTooMuch(samples, 0, limits)) {
    std::string bytes = Piece(profile, begin, end).Serialize();
    if (!IsTooMuch(samples, bytes.size(), limits)) {
      pieces->push_back(std::move(bytes));
      return;
    }
    if (samples <= 1) throw Failure("it has a sample that is larger than what the engine takes");
  }
  const size_t middle = begin + samples / 2;
  Cut(profile, begin, middle, limits, pieces);
  Cut(profile, middle, end, limits, pieces);
}

}  // namespace

void MergeAwayLabel(const std::string& key, Profile* profile) {
  const size_t types = profile->type_count();
  std::unordered_map<std::string, size_t> seen;
  size_t kept = 0;
  for (size_t i = 0; i < profile->samples.size(); ++i) {
    ProfileSample sample = profile->samples[i];
    const auto labels = profile->labels.begin() + sample.first_label;
    const auto end = std::remove_if(labels, labels + sample.label_count, [&](const ProfileLabel& label) {
      return label.str == 0 && profile->text(label.key) == key;
    });
    sample.label_count = static_cast<uint32_t>(end - labels);
    std::string same(reinterpret_cast<const char*>(profile->frames.data() + sample.first_frame),
                     sample.frame_count * sizeof(uint32_t));
    for (const ProfileLabel& label : profile->labels_of(sample)) {
      same += "|" + std::to_string(label.key) + " " + std::to_string(label.str) + " " +
              std::to_string(label.unit) + " " + std::to_string(label.num);
    }
    const auto [first, is_new] = seen.emplace(std::move(same), kept);
    int64_t* to = &profile->values[first->second * types];
    const int64_t* from = &profile->values[i * types];
    if (is_new) {
      profile->samples[kept++] = sample;
      std::copy(from, from + types, to);
    } else {
      for (size_t type = 0; type < types; ++type) {
        if (__builtin_add_overflow(to[type], from[type], &to[type])) to[type] = INT64_MAX;
      }
    }
  }
  profile->samples.resize(kept);
  profile->values.resize(kept * types);
}

std::vector<std::string> Fit(Profile profile, const FitLimits& limits) {
  DropSamplesWithoutValue(&profile);
  if (limits.max_depth != 0) {
    for (ProfileSample& sample : profile.samples) {
      sample.frame_count = std::min(sample.frame_count, static_cast<uint32_t>(limits.max_depth));
    }
  }
  std::vector<std::string> pieces;
  const size_t samples = profile.samples.size();
  if (!IsTooMuch(samples, 0, limits)) {
    std::string bytes = Piece(profile, 0, samples).Serialize();
    if (!IsTooMuch(samples, bytes.size(), limits)) return {std::move(bytes)};
  }
  MergeAwayLabel(kSizeLabel, &profile);
  Cut(profile, 0, profile.samples.size(), limits, &pieces);
  return pieces;
}

}  // namespace heapprof::tools::send
