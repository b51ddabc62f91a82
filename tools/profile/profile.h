// SPDX-License-Identifier: Apache-2.0
// A profile in memory, in arrays of small entries: what tables, trees, differences and flame graphs stand on.
//
// Entries name each other by their index in the arrays, strings by their index in header.strings; the ids of
// the file are gone. A sample is a piece of `frames` (indices of locations, the leaf first), as many values
// as there are sample types, and a piece of `labels`. A million samples of 18 frames take about 110 MB.
// Thread-safety: reading, yes.
// Invariants, which LoadProfile establishes: (1) every index is inside its array, or kNone where that is
// allowed; (2) values.size() == samples.size() * header.sample_types.size(); (3) at least one sample type.
#ifndef HEAPPROF_TOOLS_PROFILE_PROFILE_H_
#define HEAPPROF_TOOLS_PROFILE_PROFILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/reader/reader.h"

namespace heapprof::tools {

// No mapping, no function.
inline constexpr uint32_t kNone = UINT32_MAX;

// A piece of an array that somebody else owns.
template <typename T>
class Range {
 public:
  Range(const T* begin, size_t size) : begin_(begin), size_(size) {}
  const T* begin() const { return begin_; }
  const T* end() const { return begin_ + size_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T& operator[](size_t i) const { return begin_[i]; }

 private:
  const T* begin_;
  size_t size_;
};

struct ProfileFunction {
  uint32_t name = 0, system_name = 0, filename = 0;  // strings
  int64_t start_line = 0;
};

struct ProfileLine {
  uint32_t function = kNone;
  int64_t line = 0;  // 0: not known
};

struct ProfileMapping {
  uint64_t start = 0, limit = 0, offset = 0;
  uint32_t filename = 0, build_id = 0;  // strings
  bool has_functions = false, has_filenames = false, has_line_numbers = false, has_inline_frames = false;
};

struct ProfileLocation {
  uint64_t address = 0;
  uint32_t mapping = kNone;
  uint32_t first_line = 0, line_count = 0;  // a piece of `lines`, the innermost first
  bool is_folded = false;
  // Where the function begins in its file, as linked, if no name of it is known but that; 0 if not even that.
  // No file has it: it is looked up (symbols/naming/function_starts.h).
  uint64_t function_start = 0;
};

struct ProfileLabel {
  uint32_t key = 0, str = 0;  // strings; str 0: a number
  uint32_t unit = 0;          // string
  int64_t num = 0;
};

struct ProfileSample {
  uint32_t first_frame = 0, frame_count = 0;
  uint32_t first_label = 0, label_count = 0;
};

struct Profile {
  ProfileHeader header;
  // Names were looked up, and what cannot be named has been told of.
  bool looked_up = false;
  std::vector<ProfileMapping> mappings;  // in the file's order: the first is the main binary
  std::vector<ProfileLocation> locations;
  std::vector<ProfileLine> lines;
  std::vector<ProfileFunction> functions;
  std::vector<ProfileSample> samples;
  std::vector<uint32_t> frames;
  std::vector<ProfileLabel> labels;
  std::vector<int64_t> values;

  size_t type_count() const { return header.sample_types.size(); }
  std::string_view text(int64_t string) const { return header.strings.at(string); }
  std::string_view type_name(size_t type) const { return text(header.sample_types[type].type); }
  std::string_view unit_name(size_t type) const { return text(header.sample_types[type].unit); }

  Range<uint32_t> stack(const ProfileSample& sample) const {
    return {frames.data() + sample.first_frame, sample.frame_count};
  }
  Range<ProfileLabel> labels_of(const ProfileSample& sample) const {
    return {labels.data() + sample.first_label, sample.label_count};
  }
  Range<ProfileLine> lines_of(const ProfileLocation& location) const {
    return {lines.data() + location.first_line, location.line_count};
  }
  // One for each sample type.
  Range<int64_t> values_of(size_t sample) const {
    return {values.data() + sample * type_count(), type_count()};
  }
};

// The value of the comment line "key: value", "" if there is none.
std::string_view CommentValue(const Profile& profile, std::string_view key);
// True if the comments of both say that they are dumps of one process.
bool AreOfOneProcess(const Profile& a, const Profile& b);

// The share of the locations in modules that have names. Frames that stand for no code, such as those of
// losses, are in no module, and named always. 1 if there are none.
double NamedShare(const Profile& profile);
// Below this share a profile has not been symbolized: names that a program's own text gave it are few.
inline constexpr double kFewNames = 0.01;
// Says in a line on stderr that `file` has no names, if so and if nothing was said of it.
void TellIfWithoutNames(const std::string& file, const Profile& profile);

// The index of the sample type called `name`, or, where `name` is empty, of the one that the profile shows by
// default (the last if it names none, as pprof has it). Errors: Failure that lists the types there are.
size_t FindSampleType(const Profile& profile, std::string_view name);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_PROFILE_H_
