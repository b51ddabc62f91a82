// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/survey.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "proto/fields.h"
#include "tools/base/failure.h"
#include "tools/base/progress.h"
#include "tools/profile/legacy_load.h"
#include "tools/reader/field_stream.h"
#include "tools/reader/message_fields.h"

namespace heapprof::tools {
namespace {

// The largest that a processor has: x86-64 with five levels of tables. Beyond is the kernel, and vsyscall.
constexpr uint64_t kEndOfUserSpace = uint64_t{1} << 56;

uint64_t HashBytes(uint64_t hash, std::string_view bytes) {
  hash = MixBits(hash ^ bytes.size());
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    hash = (hash ^ word) * kGoldenRatio;
    hash ^= hash >> 29;
  }
  uint64_t word = 0;
  std::memcpy(&word, bytes.data() + at, bytes.size() - at);
  return MixBits(hash ^ word);
}

std::string TypeText(const Profile& profile, const ValueType& type) {
  return Printable(profile.text(type.type)) + "/" + Printable(profile.text(type.unit));
}

// Passes over samples, locations and functions.
class Skimmer {
 public:
  Skimmer(ProfileSource* source, Profile* profile) : fields_(source), profile_(*profile) {}

  uint64_t Run() try {
    uint64_t hash = kGoldenRatio;
    while (fields_.Next()) {
      hash = HashBytes(hash ^ fields_.number() ^ MixBits(fields_.value()), fields_.bytes());
      Field();
    }
    Check();
    return hash;
  } catch (const protozero::exception& broken) {
    throw Failure(std::string("a damaged profile (") + broken.what() + ")");
  }

 private:
  protozero::pbf_reader Message() const { return {fields_.bytes().data(), fields_.bytes().size()}; }
  void Field();
  void Check() const;
  ValueType ReadType() const;
  void ReadMapping();

  FieldStream fields_;
  Profile& profile_;
};

ValueType Skimmer::ReadType() const {
  ValueType type;
  for (protozero::pbf_reader message = Message(); message.next();) {
    if (message.tag() == fields::value_type::kType) {
      type.type = Signed(Number(&message));
    } else if (message.tag() == fields::value_type::kUnit) {
      type.unit = Signed(Number(&message));
    } else {
      message.skip();
    }
  }
  return type;
}

// Where it begins is enough.
void Skimmer::ReadMapping() {
  ProfileMapping mapping;
  for (protozero::pbf_reader message = Message(); message.next();) {
    if (message.tag() == fields::mapping::kMemoryStart) {
      mapping.start = Number(&message);
    } else {
      message.skip();
    }
  }
  profile_.mappings.push_back(mapping);
}

void Skimmer::Field() {
  constexpr size_t kMaxEntries = 1 << 16;
  ProfileHeader& header = profile_.header;
  namespace field = fields::profile;
  switch (fields_.number()) {
    case field::kSampleType:
      if (header.sample_types.size() < kMaxEntries) header.sample_types.push_back(ReadType());
      break;
    case field::kMapping:
      if (profile_.mappings.size() < kMaxEntries) ReadMapping();
      break;
    case field::kStringTable:
      header.strings.Add(fields_.bytes());
      break;
    case field::kTimeNanos:
      header.time_nanos = Signed(fields_.value());
      break;
    case field::kDurationNanos:
      header.duration_nanos = Signed(fields_.value());
      break;
    case field::kPeriodType:
      header.period_type = ReadType();
      break;
    case field::kPeriod:
      header.period = Signed(fields_.value());
      break;
    case field::kComment: {
      if (header.comments.size() >= kMaxEntries) break;
      if (fields_.is_varint()) {
        header.comments.push_back(Signed(fields_.value()));
        break;
      }
      const char* at = fields_.bytes().data();
      const char* const end = at + fields_.bytes().size();
      while (at != end) header.comments.push_back(Signed(protozero::decode_varint(&at, end)));
      break;
    }
    default:
      break;
  }
}

// What is asked of the header below. The rest is checked where the file is loaded.
void Skimmer::Check() const {
  const ProfileHeader& header = profile_.header;
  const auto is_there = [&](int64_t string) {
    if (string < 0 || static_cast<size_t>(string) >= std::max<size_t>(1, header.strings.size())) {
      throw Failure("string " + std::to_string(string) + " is missing: the table has " +
                    std::to_string(header.strings.size()));
    }
  };
  if (header.sample_types.empty() || header.strings.size() == 0) {
    throw Failure("not a profile: it has no " +
                  std::string(header.sample_types.empty() ? "sample types" : "string table"));
  }
  for (const ValueType& type : header.sample_types) is_there(type.type), is_there(type.unit);
  is_there(header.period_type.type), is_there(header.period_type.unit);
  for (const int64_t comment : header.comments) is_there(comment);
}

}  // namespace

// The main binary's place, and that of what lies highest, which is the kernel's or the loader's: neither
// moves while the process lives.
uint64_t ProcessOf(const Profile& profile) {
  const std::string_view pid = CommentValue(profile, "pid"), start = CommentValue(profile, "start-time");
  if (pid.empty() || start.empty()) return 0;
  uint64_t highest = 0;
  for (const ProfileMapping& mapping : profile.mappings) {
    if (mapping.start < kEndOfUserSpace) highest = std::max(highest, mapping.start);
  }
  const uint64_t first = profile.mappings.empty() ? 0 : profile.mappings.front().start;
  const uint64_t hash =
      HashBytes(MixBits(first) ^ highest, std::string(pid) + " " + std::string(start) + " " +
                                              std::string(CommentValue(profile, "run")));
  return hash == 0 ? 1 : hash;
}

ProfileKind KindOf(const Profile& profile) {
  ProfileKind kind;
  for (const ValueType& type : profile.header.sample_types) {
    kind.types += (kind.types.empty() ? "" : ", ") + TypeText(profile, type);
  }
  kind.period = std::to_string(profile.header.period) + " " + TypeText(profile, profile.header.period_type);
  return kind;
}

namespace {

class Surveyor {
 public:
  explicit Surveyor(const LoadOptions& options) : options_(options) {
    options_.apply_drop_frames = false;
    options_.prepare = nullptr;
  }

  void Look(const std::string& file) {
    FileFacts facts;
    std::string reason;
    try {
      Read(file, &facts);
    } catch (const Failure& failure) {
      reason = failure.what();
    }
    survey_.facts.push_back(facts);
    survey_.reasons.push_back(reason);
  }
  Survey Finish() { return std::move(survey_); }

 private:
  void Read(const std::string& file, FileFacts* facts) {
    Profile profile;
    if (IsRegular(file)) {
      profile = ReadFile(file, facts);
    } else {
      profile = LoadProfile(file, options_);
      survey_.loaded.emplace(survey_.facts.size(), profile);
    }
    facts->kind = NumberOf(KindOf(profile));
    facts->process = ProcessOf(profile);
    facts->time_nanos = profile.header.time_nanos;
    facts->duration_nanos = profile.header.duration_nanos;
    facts->is_delta = !CommentValue(profile, "delta").empty();
    facts->readable = true;
  }

  Profile ReadFile(const std::string& file, FileFacts* facts) {
    ProfileSource source(file, options_.max_bytes);
    if (IsLegacyHeapProfile(source.Head())) {
      facts->content = HashOfText(file);
      return LoadProfile(&source, options_);
    }
    Profile profile;
    // Whoever cannot make sense of a file says best what it is.
    try {
      facts->content = Skimmer(&source, &profile).Run();
    } catch (const Failure&) {
      LoadProfile(file, options_);
      throw;
    }
    return profile;
  }

  static bool IsRegular(const std::string& file) {
    std::error_code error;
    return file != "-" && std::filesystem::is_regular_file(file, error);
  }

  uint64_t HashOfText(const std::string& file) const {
    ProfileSource source(file, options_.max_bytes);
    std::string piece(1 << 16, '\0');
    uint64_t hash = kGoldenRatio;
    for (size_t got; (got = source.Read(piece.data(), piece.size())) != 0;) {
      hash = HashBytes(hash, std::string_view(piece).substr(0, got));
    }
    return hash;
  }

  uint32_t NumberOf(const ProfileKind& kind) {
    const auto found = std::find_if(
        survey_.kinds.begin(), survey_.kinds.end(),
        [&](const ProfileKind& known) { return known.types == kind.types && known.period == kind.period; });
    const auto number = static_cast<uint32_t>(found - survey_.kinds.begin());
    if (found == survey_.kinds.end()) survey_.kinds.push_back(kind);
    ++survey_.kinds[number].files;
    return number;
  }

  LoadOptions options_;
  Survey survey_;
};

}  // namespace

bool ProfileKind::HasType(const std::string& beginning) const {
  return (", " + types).find(", " + beginning) != std::string::npos;
}

size_t Survey::CommonKind() const {
  const auto weight = [&](const ProfileKind& kind) {
    return std::pair(type.empty() || kind.HasType(type + "/"), kind.files);
  };
  const auto most = std::max_element(kinds.begin(), kinds.end(),
                                     [&](const auto& a, const auto& b) { return weight(a) < weight(b); });
  return static_cast<size_t>(most - kinds.begin());
}

Survey SurveyFiles(const std::vector<std::string>& files, const LoadOptions& options) {
  Surveyor surveyor(options);
  Progress progress("looking at files", files.size());
  for (const std::string& file : files) {
    surveyor.Look(file);
    progress.Step();
  }
  return surveyor.Finish();
}

namespace {

// A hostile file's does not fit 64 bits.
__int128 EndOf(const FileFacts& facts) {
  return static_cast<__int128>(facts.time_nanos) + facts.duration_nanos;
}

}  // namespace

Selection SelectFiles(const Survey& survey, bool keep_duplicates) {
  Selection selection;
  const size_t kind = survey.CommonKind();
  std::unordered_map<uint64_t, size_t> contents, processes, latest;
  std::map<std::tuple<uint64_t, int64_t, int64_t>, size_t> times;
  for (size_t i = 0; i < survey.facts.size(); ++i) {
    const FileFacts& facts = survey.facts[i];
    if (!facts.readable) continue;
    if (facts.kind != kind) {
      selection.other_kinds.push_back(i);
      continue;
    }
    const size_t next = selection.groups.size();
    if (keep_duplicates) {
      selection.groups.push_back({i});
      continue;
    }
    if (facts.content != 0 && !contents.emplace(facts.content, i).second) {
      selection.same.push_back(i);
      continue;
    }
    if (facts.process == 0) {
      selection.groups.push_back({i});
    } else if (facts.duration_nanos != 0 || facts.is_delta) {
      // Profiles of several times of one process add up; that of one time, asked for twice, does not.
      const bool is_new =
          times.emplace(std::tuple(facts.process, facts.time_nanos, facts.duration_nanos), i).second;
      if (!is_new) {
        selection.same.push_back(i);
        continue;
      }
      selection.groups.push_back({i});
      if (!facts.is_delta) continue;
      const auto [last, is_first] = latest.emplace(facts.process, i);
      if (is_first) continue;
      const bool is_later = EndOf(survey.facts[last->second]) < EndOf(facts);
      selection.without_in_use.insert(is_later ? last->second : i);
      if (is_later) last->second = i;
    } else {
      const auto [found, is_new] = processes.emplace(facts.process, next);
      if (is_new) selection.groups.emplace_back();
      selection.groups[found->second].push_back(i);
    }
  }
  for (std::vector<size_t>& group : selection.groups) {
    // Of dumps of one moment the later one in the list.
    std::sort(group.begin(), group.end(), [&](size_t a, size_t b) {
      return std::tuple(survey.facts[a].time_nanos, a) > std::tuple(survey.facts[b].time_nanos, b);
    });
  }
  return selection;
}

}  // namespace heapprof::tools
