// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/baseline.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/hash.h"

namespace heapprof::tools::agent {
namespace {

uint64_t Mix(uint64_t hash, uint64_t value) { return MixBits(hash ^ (value * kGoldenRatio)); }
uint64_t HashOf(std::string_view text) { return std::hash<std::string_view>()(text); }

// A hash of the place of each location in its file; of what is in none, its names or its address.
std::vector<uint64_t> HashLocations(const Profile& profile) {
  std::vector<uint64_t> mappings, locations;
  for (const ProfileMapping& mapping : profile.mappings) {
    mappings.push_back(Mix(HashOf(profile.text(mapping.filename)), HashOf(profile.text(mapping.build_id))));
  }
  for (const ProfileLocation& location : profile.locations) {
    uint64_t hash = 0;
    if (location.mapping != kNone) {
      const ProfileMapping& mapping = profile.mappings[location.mapping];
      hash = Mix(mappings[location.mapping], location.address - mapping.start + mapping.offset);
    } else if (location.address != 0) {
      hash = Mix(1, location.address);
    }
    for (const ProfileLine& line : profile.lines_of(location)) {
      if (line.function != kNone && location.mapping == kNone)
        hash = Mix(hash, HashOf(profile.text(profile.functions[line.function].name)));
    }
    locations.push_back(hash);
  }
  return locations;
}

uint64_t KeyOf(const Profile& profile, const ProfileSample& sample, const std::vector<uint64_t>& locations) {
  uint64_t hash = sample.frame_count;
  for (const uint32_t location : profile.stack(sample)) hash = Mix(hash, locations[location]);
  // Their order is the writer's, and may change.
  uint64_t labels = 0;
  for (const ProfileLabel& label : profile.labels_of(sample)) {
    labels += Mix(Mix(HashOf(profile.text(label.key)), HashOf(profile.text(label.str))),
                  static_cast<uint64_t>(label.num));
  }
  return Mix(hash, labels);
}

// The columns that only grow, two at most.
std::vector<size_t> GrowingColumns(std::string_view kind, const Profile& profile) {
  std::vector<size_t> columns;
  for (size_t i = 0; i < profile.type_count() && columns.size() < 2; ++i) {
    if (OnlyGrows(kind, profile.type_name(i))) columns.push_back(i);
  }
  return columns;
}

}  // namespace

bool OnlyGrows(std::string_view kind, std::string_view type) {
  if (kind == "heap") return type.substr(0, 6) == "alloc_";
  return kind == "block" || kind == "mutex";
}

bool Baseline::Subtract(std::string_view kind, int64_t since_nanos, Profile* profile) {
  const std::vector<size_t> columns = GrowingColumns(kind, *profile);
  const std::vector<uint64_t> locations = HashLocations(*profile);
  const size_t types = profile->type_count();
  // What has grown is shared among samples of one key by what each has: mostly there is one.
  struct Row {
    uint64_t key;
    size_t sample;
  };
  std::vector<Row> rows;
  rows.reserve(profile->samples.size());
  for (size_t i = 0; i < profile->samples.size(); ++i)
    rows.push_back({KeyOf(*profile, profile->samples[i], locations), i});
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.key < b.key; });

  std::vector<Entry> now;
  now.reserve(rows.size());
  for (const Row& row : rows) {
    if (now.empty() || now.back().key != row.key) now.push_back({row.key, {0, 0}});
    for (size_t c = 0; c < columns.size(); ++c) {
      int64_t* sum = &now.back().values[c];
      if (__builtin_add_overflow(*sum, profile->values[row.sample * types + columns[c]], sum))
        *sum = INT64_MAX;
    }
  }
  const bool known = time_nanos_ != 0;
  const auto total = [](const std::vector<Entry>& entries) {
    double sum = 0;
    for (const Entry& entry : entries) sum += static_cast<double>(entry.values[0]);
    return sum;
  };
  const bool began_anew = known && total(now) < total(entries_);
  if (began_anew) entries_.clear();

  size_t old = 0;
  int64_t left[2] = {};
  uint64_t at = 0;
  bool any = false;
  for (const Row& row : rows) {
    if (!any || row.key != at) {
      any = true;
      at = row.key;
      while (old < entries_.size() && entries_[old].key < at) ++old;
      const bool is_old = old < entries_.size() && entries_[old].key == at;
      for (size_t c = 0; c < 2; ++c) left[c] = is_old ? entries_[old].values[c] : 0;
    }
    for (size_t c = 0; c < columns.size(); ++c) {
      int64_t* value = &profile->values[row.sample * types + columns[c]];
      const int64_t taken = std::clamp<int64_t>(left[c], 0, std::max<int64_t>(*value, 0));
      *value = std::max<int64_t>(*value, 0) - taken;
      left[c] -= taken;
    }
  }
  const int64_t before = known && !began_anew ? time_nanos_ : since_nanos;
  const bool is_first = before == 0 && !began_anew;
  for (const Row& row : rows) {
    for (size_t c = 0; is_first && c < columns.size(); ++c)
      profile->values[row.sample * types + columns[c]] = 0;
  }
  entries_ = std::move(now);
  ProfileHeader* header = &profile->header;
  time_nanos_ = std::max<int64_t>(header->time_nanos, 1);
  header->duration_nanos = before == 0 ? 0 : std::max<int64_t>(time_nanos_ - before, 0);
  header->time_nanos = time_nanos_ - header->duration_nanos;
  Compact(profile);
  return !profile->samples.empty();
}

void KeepTime(int64_t now, int64_t longest, Profile* profile) {
  constexpr int64_t kSlack = 60'000'000'000;
  ProfileHeader* header = &profile->header;
  header->duration_nanos = std::clamp<int64_t>(header->duration_nanos, 0, longest);
  if (header->time_nanos < now - longest - kSlack || header->time_nanos > now + kSlack)
    header->time_nanos = now - header->duration_nanos;
}

void LimitDuration(int64_t longest, Profile* profile) {
  ProfileHeader* header = &profile->header;
  const int64_t over = header->duration_nanos - longest;
  if (over <= 0) return;
  header->duration_nanos -= over;
  header->time_nanos += over;
}

std::string Baseline::Pack() const {
  std::string bytes(sizeof time_nanos_ + entries_.size() * sizeof(Entry), '\0');
  std::memcpy(bytes.data(), &time_nanos_, sizeof time_nanos_);
  if (!entries_.empty())
    std::memcpy(&bytes[sizeof time_nanos_], entries_.data(), entries_.size() * sizeof(Entry));
  return bytes;
}

bool Baseline::Unpack(std::string_view bytes) {
  if (bytes.size() < sizeof time_nanos_ || (bytes.size() - sizeof time_nanos_) % sizeof(Entry) != 0)
    return false;
  std::memcpy(&time_nanos_, bytes.data(), sizeof time_nanos_);
  bytes.remove_prefix(sizeof time_nanos_);
  entries_.resize(bytes.size() / sizeof(Entry));
  if (!entries_.empty()) std::memcpy(entries_.data(), bytes.data(), bytes.size());
  return std::is_sorted(entries_.begin(), entries_.end(),
                        [](const Entry& a, const Entry& b) { return a.key < b.key; });
}

void Compact(Profile* profile) {
  const size_t types = profile->type_count();
  size_t kept = 0;
  for (size_t i = 0; i < profile->samples.size(); ++i) {
    const auto values = profile->values.begin() + static_cast<ptrdiff_t>(i * types);
    if (std::all_of(values, values + static_cast<ptrdiff_t>(types), [](int64_t v) { return v == 0; }))
      continue;
    if (kept != i) {
      profile->samples[kept] = profile->samples[i];
      std::copy(values, values + static_cast<ptrdiff_t>(types),
                profile->values.begin() + static_cast<ptrdiff_t>(kept * types));
    }
    ++kept;
  }
  if (kept == profile->samples.size()) return;
  profile->samples.resize(kept);
  profile->values.resize(kept * types);

  std::vector<uint32_t> frames, location_at(profile->locations.size(), kNone);
  std::vector<ProfileLocation> locations;
  std::vector<ProfileLabel> labels;
  for (ProfileSample& sample : profile->samples) {
    const auto stack = profile->stack(sample);
    const auto own_labels = profile->labels_of(sample);
    sample.first_frame = static_cast<uint32_t>(frames.size());
    for (const uint32_t location : stack) {
      if (location_at[location] == kNone) {
        location_at[location] = static_cast<uint32_t>(locations.size());
        locations.push_back(profile->locations[location]);
      }
      frames.push_back(location_at[location]);
    }
    sample.first_label = static_cast<uint32_t>(labels.size());
    labels.insert(labels.end(), own_labels.begin(), own_labels.end());
  }
  std::vector<uint32_t> function_at(profile->functions.size(), kNone);
  std::vector<ProfileFunction> functions;
  std::vector<ProfileLine> lines;
  for (ProfileLocation& location : locations) {
    const auto own_lines = profile->lines_of(location);
    location.first_line = static_cast<uint32_t>(lines.size());
    for (ProfileLine line : own_lines) {
      if (line.function != kNone) {
        uint32_t* place = &function_at[line.function];
        if (*place == kNone) {
          *place = static_cast<uint32_t>(functions.size());
          functions.push_back(profile->functions[line.function]);
        }
        line.function = *place;
      }
      lines.push_back(line);
    }
  }
  profile->frames = std::move(frames);
  profile->labels = std::move(labels);
  profile->locations = std::move(locations);
  profile->lines = std::move(lines);
  profile->functions = std::move(functions);
}

}  // namespace heapprof::tools::agent
