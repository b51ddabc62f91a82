// SPDX-License-Identifier: Apache-2.0
// Reads profile.proto as a stream: each message is decoded, checked, handed to a visitor, and forgotten.
//
// What stays in memory is the string table, the header, and which ids were seen; each has a bound, so that a
// hostile file ends in one line and not in the machine's memory. A profile that ReadProfile accepts has
// (1) at least one sample type, and as many values in every sample;
// (2) an empty string as string 0, and every string index inside the table;
// (3) ids that are not 0 and not used twice, and every id that is referred to (mapping 0 = none, function 0 =
//     not known).
// Thread-safety: an object belongs to one thread. Errors: Failure, whose line does not name the file.
#ifndef HEAPPROF_TOOLS_READER_READER_H_
#define HEAPPROF_TOOLS_READER_READER_H_

#include <cstdint>
#include <vector>

#include "tools/reader/inflate.h"
#include "tools/reader/profile_strings.h"

namespace heapprof::tools {

// Fields that name text hold indices into the string table, which writers put last.
struct ValueType {
  int64_t type = 0, unit = 0;
};

struct Label {
  int64_t key = 0, str = 0, num = 0, num_unit = 0;
};

struct Sample {
  std::vector<uint64_t> location_ids;  // leaf first
  std::vector<int64_t> values;         // one for each sample type
  std::vector<Label> labels;
};

struct Mapping {
  uint64_t id = 0, memory_start = 0, memory_limit = 0, file_offset = 0;
  int64_t filename = 0, build_id = 0;
  bool has_functions = false, has_filenames = false, has_line_numbers = false, has_inline_frames = false;
};

struct Line {
  uint64_t function_id = 0;
  int64_t line = 0;
};

struct Location {
  uint64_t id = 0, mapping_id = 0, address = 0;
  std::vector<Line> lines;  // innermost first
  bool is_folded = false;
};

struct Function {
  uint64_t id = 0;
  int64_t name = 0, system_name = 0, filename = 0, start_line = 0;
};

struct ProfileHeader {
  std::vector<ValueType> sample_types;
  ValueType period_type;
  int64_t period = 0;
  int64_t time_nanos = 0;
  int64_t duration_nanos = 0;
  int64_t drop_frames = 0, keep_frames = 0;
  int64_t default_sample_type = 0;
  std::vector<int64_t> comments;
  ProfileStrings strings;
};

// Gets the messages in the file's order. References are good during the call.
class ProfileVisitor {
 public:
  virtual ~ProfileVisitor() = default;
  virtual void OnSample(const Sample&) {}
  virtual void OnMapping(const Mapping&) {}
  virtual void OnLocation(const Location&) {}
  virtual void OnFunction(const Function&) {}
};

ProfileHeader ReadProfile(ProfileSource* source, ProfileVisitor* visitor);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_READER_READER_H_
