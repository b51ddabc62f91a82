// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/merge.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "tools/base/failure.h"
#include "tools/profile/survey.h"

namespace heapprof::tools {
namespace {

int64_t AddBounded(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a > 0 ? INT64_MAX : INT64_MIN;
}

// Containers have many processes of one number.
bool TellsOfOneProcess(std::string_view comment) {
  for (const std::string_view key : {"pid: ", "start-time: "}) {
    if (comment.substr(0, key.size()) == key) return true;
  }
  return false;
}

uint64_t Mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0xff51afd7ed558ccd;
  return hash ^ hash >> 32;
}

}  // namespace

ValueType Merger::Type(const Profile& from, const ValueType& type) {
  return {Text(from, type.type), Text(from, type.unit)};
}

void Merger::AddHeader(const Profile& from) {
  ProfileHeader& to = sum_.header;
  for (const ValueType& type : from.header.sample_types) to.sample_types.push_back(Type(from, type));
  to.period_type = Type(from, from.header.period_type);
  to.period = from.header.period;
  to.time_nanos = from.header.time_nanos;
  to.drop_frames = Text(from, from.header.drop_frames);
  to.keep_frames = Text(from, from.header.keep_frames);
  to.default_sample_type = Text(from, from.header.default_sample_type);
  for (const int64_t comment : from.header.comments) to.comments.push_back(Text(from, comment));
  FindPairs();
}

void Merger::CheckKind(const Profile& from) const {
  const ProfileKind mine = KindOf(sum_), theirs = KindOf(from);
  if (mine.types != theirs.types) {
    throw Failure("has the sample types " + theirs.types + ", the files before it " + mine.types);
  }
  // What a sample stands for would be lost.
  if (mine.period != theirs.period) {
    throw Failure("has the period " + theirs.period + ", the files before it " + mine.period);
  }
}

void Merger::KeepCommonComments(const Profile& from) {
  std::set<std::string_view> theirs;
  for (const int64_t comment : from.header.comments) theirs.insert(from.text(comment));
  std::vector<int64_t>& mine = sum_.header.comments;
  mine.erase(std::remove_if(mine.begin(), mine.end(),
                            [&](int64_t comment) { return theirs.count(sum_.text(comment)) == 0; }),
             mine.end());
}

void Merger::MergeMappings(const Profile& from) {
  mapping_at_.clear();
  shift_.clear();
  for (const ProfileMapping& mapping : from.mappings) {
    ProfileMapping to = mapping;
    to.filename = Text(from, mapping.filename);
    to.build_id = Text(from, mapping.build_id);
    // A build id says more than a name; without either the place is all there is.
    const uint32_t name = to.build_id != 0 ? 0 : to.filename;
    const uint64_t place =
        to.build_id == 0 && to.filename == 0 ? mapping.start : mapping.limit - mapping.start;
    const auto [found, is_new] = mappings_.emplace(std::tuple(place, mapping.offset, to.build_id, name),
                                                   static_cast<uint32_t>(sum_.mappings.size()));
    if (is_new) {
      sum_.mappings.push_back(to);
    } else {
      ProfileMapping& known = sum_.mappings[found->second];
      known.has_functions = known.has_functions && to.has_functions;
      known.has_filenames = known.has_filenames && to.has_filenames;
      known.has_line_numbers = known.has_line_numbers && to.has_line_numbers;
      known.has_inline_frames = known.has_inline_frames && to.has_inline_frames;
    }
    mapping_at_.push_back(found->second);
    shift_.push_back(sum_.mappings[found->second].start - mapping.start);
  }
}

void Merger::MergeFunctions(const Profile& from) {
  function_at_.clear();
  for (const ProfileFunction& function : from.functions) {
    ProfileFunction to;
    to.name = Text(from, function.name);
    to.system_name = Text(from, function.system_name);
    to.filename = Text(from, function.filename);
    to.start_line = function.start_line;
    const auto [found, is_new] =
        functions_.emplace(std::tuple(to.name, to.system_name, to.filename, to.start_line),
                           static_cast<uint32_t>(sum_.functions.size()));
    if (is_new) sum_.functions.push_back(to);
    function_at_.push_back(found->second);
  }
}

void Merger::MergeLocations(const Profile& from) {
  location_at_.clear();
  std::vector<uint64_t> key;
  for (const ProfileLocation& location : from.locations) {
    ProfileLocation to = location;
    if (location.mapping != kNone) {
      to.mapping = mapping_at_[location.mapping];
      // Addresses that were never set (0) stay so.
      if (location.address != 0) to.address += shift_[location.mapping];
    }
    key = {to.mapping, to.address, to.is_folded ? 1u : 0u};
    for (const ProfileLine& line : from.lines_of(location)) {
      key.push_back(line.function == kNone ? kNone : function_at_[line.function]);
      key.push_back(static_cast<uint64_t>(line.line));
    }
    const auto [found, is_new] = locations_.emplace(key, static_cast<uint32_t>(sum_.locations.size()));
    if (is_new) {
      to.first_line = static_cast<uint32_t>(sum_.lines.size());
      for (const ProfileLine& line : from.lines_of(location)) {
        sum_.lines.push_back({line.function == kNone ? kNone : function_at_[line.function], line.line});
      }
      sum_.locations.push_back(to);
    }
    location_at_.push_back(found->second);
  }
}

bool Merger::SameSample(const ProfileSample& a, const ProfileSample& b) const {
  const Range<uint32_t> a_stack = sum_.stack(a), b_stack = sum_.stack(b);
  if (!std::equal(a_stack.begin(), a_stack.end(), b_stack.begin(), b_stack.end())) return false;
  const Range<ProfileLabel> a_labels = sum_.labels_of(a), b_labels = sum_.labels_of(b);
  return std::equal(a_labels.begin(), a_labels.end(), b_labels.begin(), b_labels.end(),
                    [](const ProfileLabel& x, const ProfileLabel& y) {
                      return x.key == y.key && x.str == y.str && x.unit == y.unit && x.num == y.num;
                    });
}

// The slot of an equal sample of the sum, or the free one where it would stand.
size_t Merger::Slot(const ProfileSample& sample) const {
  uint64_t hash = 0;
  for (const uint32_t location : sum_.stack(sample)) hash = Mix(hash, location);
  for (const ProfileLabel& label : sum_.labels_of(sample)) {
    hash = Mix(Mix(Mix(hash, label.key), label.str), static_cast<uint64_t>(label.num));
  }
  const size_t mask = slots_.size() - 1;
  size_t slot = static_cast<size_t>(hash) & mask;
  while (slots_[slot] != 0 && !SameSample(sum_.samples[slots_[slot] - 1], sample)) slot = (slot + 1) & mask;
  return slot;
}

void Merger::GrowSlots() {
  slots_.assign(slots_.size() * 4, 0);
  for (uint32_t i = 0; i < sum_.samples.size(); ++i) slots_[Slot(sum_.samples[i])] = i + 1;
}

void Merger::MergeSample(const Profile& from, size_t index) {
  const ProfileSample& sample = from.samples[index];
  if (sum_.frames.size() + sample.frame_count >= kNone || sum_.labels.size() + sample.label_count >= kNone) {
    throw Failure("makes the sum too large: more than 4294967294 frames");
  }
  // Put at the end, and taken off again if the sum has it.
  ProfileSample to;
  to.first_frame = static_cast<uint32_t>(sum_.frames.size());
  to.frame_count = sample.frame_count;
  to.first_label = static_cast<uint32_t>(sum_.labels.size());
  to.label_count = sample.label_count;
  for (const uint32_t location : from.stack(sample)) sum_.frames.push_back(location_at_[location]);
  for (const ProfileLabel& label : from.labels_of(sample)) {
    sum_.labels.push_back({Text(from, label.key), Text(from, label.str), Text(from, label.unit), label.num});
  }
  const size_t slot = Slot(to);
  const Range<int64_t> values = from.values_of(index);
  if (slots_[slot] == 0) {
    sum_.samples.push_back(to);
    sum_.values.insert(sum_.values.end(), values.begin(), values.end());
    fits_size_.push_back(!pairs_.empty() && FitsSize(to, values.begin()));
    slots_[slot] = static_cast<uint32_t>(sum_.samples.size());
    if (2 * sum_.samples.size() > slots_.size()) GrowSlots();
    return;
  }
  if (fits_size_[slots_[slot] - 1] && !FitsSize(to, values.begin())) fits_size_[slots_[slot] - 1] = false;
  sum_.frames.resize(to.first_frame);
  sum_.labels.resize(to.first_label);
  int64_t* mine = sum_.values.data() + (slots_[slot] - 1) * sum_.type_count();
  for (size_t i = 0; i < values.size(); ++i) mine[i] = AddBounded(mine[i], values[i]);
}

void Merger::Add(const Profile& profile) {
  if (files_ == 0) {
    AddHeader(profile);
  } else {
    CheckKind(profile);
    KeepCommonComments(profile);
    sum_.header.time_nanos = std::max(sum_.header.time_nanos, profile.header.time_nanos);
  }
  ++files_;
  sum_.looked_up = sum_.looked_up || profile.looked_up;
  sum_.header.duration_nanos = AddBounded(sum_.header.duration_nanos, profile.header.duration_nanos);
  MergeMappings(profile);
  MergeFunctions(profile);
  MergeLocations(profile);
  for (size_t i = 0; i < profile.samples.size(); ++i) MergeSample(profile, i);
}

// Pairs of types, NAME_objects and NAME_space.
void Merger::FindPairs() {
  if (sum_.text(sum_.header.period_type.type) != "space" || sum_.header.period <= 1) return;
  for (size_t objects = 0; objects < sum_.type_count(); ++objects) {
    constexpr std::string_view kObjects = "objects", kSpace = "space";
    std::string name(sum_.type_name(objects));
    if (name.size() < kObjects.size() || name.substr(name.size() - kObjects.size()) != kObjects) continue;
    name.replace(name.size() - kObjects.size(), kObjects.size(), kSpace);
    for (size_t space = 0; space < sum_.type_count(); ++space) {
      if (sum_.type_name(space) == name && sum_.unit_name(space) == "bytes")
        pairs_.emplace_back(objects, space);
    }
  }
  bytes_ = strings_.Intern("bytes");
}

double Merger::BlockSize(const ProfileSample& sample) const {
  for (const ProfileLabel& label : sum_.labels_of(sample)) {
    if (label.key == bytes_ && label.str == 0 && label.num > 0) return static_cast<double>(label.num);
  }
  return 0;
}

// Whether the numbers of objects are those of bytes divided by the size, but for how they were rounded.
bool Merger::FitsSize(const ProfileSample& sample, const int64_t* values) const {
  constexpr int64_t kExact = int64_t{1} << 52;  // beyond, doubles have no halves
  const double size = BlockSize(sample);
  return size > 0 && std::all_of(pairs_.begin(), pairs_.end(), [&](const auto& pair) {
           const auto [objects, space] = pair;
           return values[space] < kExact && values[space] > -kExact &&
                  std::fabs(static_cast<double>(values[space]) / size -
                            static_cast<double>(values[objects])) < 1;
         });
}

void Merger::CorrectObjects() {
  for (size_t i = 0; i < sum_.samples.size(); ++i) {
    if (!fits_size_[i]) continue;
    int64_t* const values = sum_.values.data() + i * sum_.type_count();
    const double size = BlockSize(sum_.samples[i]);
    for (const auto& [objects, space] : pairs_) {
      values[objects] = std::llround(static_cast<double>(values[space]) / size);
    }
  }
}

Profile Merger::Finish() {
  if (files_ > 1) {
    CorrectObjects();
    std::vector<int64_t>& comments = sum_.header.comments;
    comments.erase(std::remove_if(comments.begin(), comments.end(),
                                  [&](int64_t comment) { return TellsOfOneProcess(sum_.text(comment)); }),
                   comments.end());
  }
  sum_.header.comments.push_back(strings_.Intern("merged-files: " + std::to_string(files_)));
  return std::move(sum_);
}

}  // namespace heapprof::tools
