// SPDX-License-Identifier: Apache-2.0
#include "tools/reader/reader.h"

#include <algorithm>
#include <limits>
#include <protozero/exception.hpp>
#include <protozero/varint.hpp>

#include "proto/fields.h"
#include "tools/base/failure.h"
#include "tools/base/id_set.h"
#include "tools/reader/field_stream.h"
#include "tools/reader/message_fields.h"
#include "tools/reader/other_files.h"

namespace heapprof::tools {
namespace {

using protozero::pbf_reader;

constexpr size_t kMaxHeaderEntries = 1 << 16;  // sample types, comments

// Decodes and checks; one object a file.
class Reader {
 public:
  Reader(ProfileSource* source, ProfileVisitor* visitor) : fields_(source), visitor_(visitor) {}

  ProfileHeader Read() {
    while (fields_.Next()) ReadField();
    CheckWhole();
    return std::move(header_);
  }
  // Whether anything was read that only a profile has.
  bool has_begun() const { return !header_.sample_types.empty() || any_sample_; }

 private:
  void ReadField();
  void ReadSample(pbf_reader message);
  void ReadMapping(pbf_reader message);
  void ReadLocation(pbf_reader message);
  void ReadFunction(pbf_reader message);
  ValueType ReadValueType(pbf_reader message);
  Line ReadLine(pbf_reader message);
  Label ReadLabel(pbf_reader message);
  void CheckWhole() const;

  pbf_reader Message() const;
  int64_t TopNumber() const;
  int64_t String(uint64_t index);
  void AddComments();

  FieldStream fields_;
  ProfileVisitor* visitor_;
  ProfileHeader header_;
  // Kept for their vectors' memory.
  Sample sample_;
  Location location_;
  int64_t max_string_ = 0;
  size_t values_ = 0;  // of every sample so far
  bool any_sample_ = false;
  IdSet mappings_, locations_, functions_;
  IdSet used_mappings_, used_locations_, used_functions_;
};

pbf_reader Reader::Message() const {
  if (!fields_.is_bytes()) throw Failure("not a profile: a message is no message");
  return pbf_reader(fields_.bytes().data(), fields_.bytes().size());
}

int64_t Reader::TopNumber() const {
  if (!fields_.is_varint()) throw Failure("not a profile: a number is no varint");
  return Signed(fields_.value());
}

int64_t Reader::String(uint64_t index) {
  const int64_t string = Signed(index);
  if (string < 0) throw Failure("a string has the index " + std::to_string(string));
  max_string_ = std::max(max_string_, string);
  return string;
}

ValueType Reader::ReadValueType(pbf_reader message) {
  ValueType out;
  while (message.next()) {
    switch (message.tag()) {
      case fields::value_type::kType:
        out.type = String(Number(&message));
        break;
      case fields::value_type::kUnit:
        out.unit = String(Number(&message));
        break;
      default:
        message.skip();
    }
  }
  return out;
}

Label Reader::ReadLabel(pbf_reader message) {
  Label out;
  while (message.next()) {
    switch (message.tag()) {
      case fields::label::kKey:
        out.key = String(Number(&message));
        break;
      case fields::label::kStr:
        out.str = String(Number(&message));
        break;
      case fields::label::kNum:
        out.num = Signed(Number(&message));
        break;
      case fields::label::kNumUnit:
        out.num_unit = String(Number(&message));
        break;
      default:
        message.skip();
    }
  }
  return out;
}

void Reader::ReadSample(pbf_reader message) {
  sample_.location_ids.clear();
  sample_.values.clear();
  sample_.labels.clear();
  while (message.next()) {
    switch (message.tag()) {
      case fields::sample::kLocationId:
        AppendNumbers(&message, &sample_.location_ids);
        break;
      case fields::sample::kValue:
        AppendNumbers(&message, &sample_.values);
        break;
      case fields::sample::kLabel:
        sample_.labels.push_back(ReadLabel(Nested(&message)));
        break;
      default:
        message.skip();
    }
  }
  if (any_sample_ && sample_.values.size() != values_) {
    throw Failure("samples have different numbers of values");
  }
  any_sample_ = true;
  values_ = sample_.values.size();
  for (const uint64_t id : sample_.location_ids) {
    if (id == 0) throw Failure("a sample has a location with id 0");
    used_locations_.Insert(id);
  }
  visitor_->OnSample(sample_);
}

void Reader::ReadMapping(pbf_reader message) {
  Mapping out;
  while (message.next()) {
    switch (message.tag()) {
      case fields::mapping::kId:
        out.id = Number(&message);
        break;
      case fields::mapping::kMemoryStart:
        out.memory_start = Number(&message);
        break;
      case fields::mapping::kMemoryLimit:
        out.memory_limit = Number(&message);
        break;
      case fields::mapping::kFileOffset:
        out.file_offset = Number(&message);
        break;
      case fields::mapping::kFilename:
        out.filename = String(Number(&message));
        break;
      case fields::mapping::kBuildId:
        out.build_id = String(Number(&message));
        break;
      case fields::mapping::kHasFunctions:
        out.has_functions = Number(&message) != 0;
        break;
      case fields::mapping::kHasFilenames:
        out.has_filenames = Number(&message) != 0;
        break;
      case fields::mapping::kHasLineNumbers:
        out.has_line_numbers = Number(&message) != 0;
        break;
      case fields::mapping::kHasInlineFrames:
        out.has_inline_frames = Number(&message) != 0;
        break;
      default:
        message.skip();
    }
  }
  if (out.id == 0) throw Failure("a mapping has the id 0");
  if (!mappings_.Insert(out.id)) throw Failure("two mappings have the id " + std::to_string(out.id));
  visitor_->OnMapping(out);
}

Line Reader::ReadLine(pbf_reader message) {
  Line out;
  while (message.next()) {
    switch (message.tag()) {
      case fields::line::kFunctionId:
        out.function_id = Number(&message);
        break;
      case fields::line::kLine:
        out.line = Signed(Number(&message));
        break;
      default:
        message.skip();
    }
  }
  if (out.function_id != 0) used_functions_.Insert(out.function_id);
  return out;
}

void Reader::ReadLocation(pbf_reader message) {
  location_.id = location_.mapping_id = location_.address = 0;
  location_.is_folded = false;
  location_.lines.clear();
  while (message.next()) {
    switch (message.tag()) {
      case fields::location::kId:
        location_.id = Number(&message);
        break;
      case fields::location::kMappingId:
        location_.mapping_id = Number(&message);
        break;
      case fields::location::kAddress:
        location_.address = Number(&message);
        break;
      case fields::location::kLine:
        location_.lines.push_back(ReadLine(Nested(&message)));
        break;
      case fields::location::kIsFolded:
        location_.is_folded = Number(&message) != 0;
        break;
      default:
        message.skip();
    }
  }
  if (location_.id == 0) throw Failure("a location has the id 0");
  if (!locations_.Insert(location_.id)) {
    throw Failure("two locations have the id " + std::to_string(location_.id));
  }
  if (location_.mapping_id != 0) used_mappings_.Insert(location_.mapping_id);
  visitor_->OnLocation(location_);
}

void Reader::ReadFunction(pbf_reader message) {
  Function out;
  while (message.next()) {
    switch (message.tag()) {
      case fields::function::kId:
        out.id = Number(&message);
        break;
      case fields::function::kName:
        out.name = String(Number(&message));
        break;
      case fields::function::kSystemName:
        out.system_name = String(Number(&message));
        break;
      case fields::function::kFilename:
        out.filename = String(Number(&message));
        break;
      case fields::function::kStartLine:
        out.start_line = Signed(Number(&message));
        break;
      default:
        message.skip();
    }
  }
  if (out.id == 0) throw Failure("a function has the id 0");
  if (!functions_.Insert(out.id)) throw Failure("two functions have the id " + std::to_string(out.id));
  visitor_->OnFunction(out);
}

void Reader::AddComments() {
  std::vector<int64_t> indices;
  if (fields_.is_varint()) {
    indices.push_back(TopNumber());
  } else {
    const std::string_view packed = fields_.is_bytes() ? fields_.bytes() : std::string_view();
    const char* at = packed.data();
    const char* end = at + packed.size();
    while (at != end) indices.push_back(Signed(protozero::decode_varint(&at, end)));
  }
  for (const int64_t index : indices) {
    if (header_.comments.size() == kMaxHeaderEntries) throw Failure("more than 65536 comments");
    header_.comments.push_back(String(static_cast<uint64_t>(index)));
  }
}

void Reader::ReadField() try {
  switch (fields_.number()) {
    case fields::profile::kSampleType:
      if (header_.sample_types.size() == kMaxHeaderEntries) throw Failure("more than 65536 sample types");
      header_.sample_types.push_back(ReadValueType(Message()));
      break;
    case fields::profile::kSample:
      ReadSample(Message());
      break;
    case fields::profile::kMapping:
      ReadMapping(Message());
      break;
    case fields::profile::kLocation:
      ReadLocation(Message());
      break;
    case fields::profile::kFunction:
      ReadFunction(Message());
      break;
    case fields::profile::kStringTable:
      if (!fields_.is_bytes()) throw Failure("not a profile: a string is no string");
      header_.strings.Add(fields_.bytes());
      break;
    case fields::profile::kDropFrames:
      header_.drop_frames = String(static_cast<uint64_t>(TopNumber()));
      break;
    case fields::profile::kKeepFrames:
      header_.keep_frames = String(static_cast<uint64_t>(TopNumber()));
      break;
    case fields::profile::kTimeNanos:
      header_.time_nanos = TopNumber();
      break;
    case fields::profile::kDurationNanos:
      header_.duration_nanos = TopNumber();
      break;
    case fields::profile::kPeriodType:
      header_.period_type = ReadValueType(Message());
      break;
    case fields::profile::kPeriod:
      header_.period = TopNumber();
      break;
    case fields::profile::kComment:
      AddComments();
      break;
    case fields::profile::kDefaultSampleType:
      header_.default_sample_type = String(static_cast<uint64_t>(TopNumber()));
      break;
    default:
      break;  // fields of a later schema
  }
} catch (const protozero::exception& broken) {
  throw Failure("not a profile: field " + std::to_string(fields_.number()) + " is damaged (" + broken.what() +
                ")");
}

void CheckReferences(const char* from, const char* to, const IdSet& used, const IdSet& defined) {
  const uint64_t missing = used.MissingFrom(defined);
  if (missing == 0) return;
  throw Failure(std::string(from) + " refers to " + to + " " + std::to_string(missing) +
                ", which is missing");
}

void Reader::CheckWhole() const {
  if (header_.sample_types.empty()) throw Failure("not a profile: it has no sample types");
  if (any_sample_ && values_ != header_.sample_types.size()) {
    throw Failure("samples have " + std::to_string(values_) + " values for " +
                  std::to_string(header_.sample_types.size()) + " sample types");
  }
  if (header_.strings.size() == 0) throw Failure("not a profile: it has no string table");
  if (!header_.strings.at(0).empty()) throw Failure("string 0 is not empty");
  if (static_cast<uint64_t>(max_string_) >= header_.strings.size()) {
    throw Failure("string " + std::to_string(max_string_) + " is missing: the table has " +
                  std::to_string(header_.strings.size()));
  }
  CheckReferences("a sample", "location", used_locations_, locations_);
  CheckReferences("a location", "mapping", used_mappings_, mappings_);
  CheckReferences("a location", "function", used_functions_, functions_);
}

}  // namespace

ProfileHeader ReadProfile(ProfileSource* source, ProfileVisitor* visitor) {
  // Head() may be read again, and what it stands for goes on with the next.
  const std::string head(source->Head());
  Reader reader(source, visitor);
  try {
    return reader.Read();
  } catch (const Failure& failure) {
    constexpr std::string_view kRefused = "not a profile: ", kCut = "not a complete profile: ";
    const std::string_view what = failure.what();
    const bool cut = what.substr(0, kCut.size()) == kCut;
    if (!cut && what.substr(0, kRefused.size()) != kRefused) throw;
    const std::string_view fault = what.substr((cut ? kCut : kRefused).size());
    if (!reader.has_begun()) throw Failure(std::string(kRefused) + KindOfUnreadFile(head, fault));
    throw Failure((cut ? "the profile is truncated: " : "a damaged profile: ") + std::string(fault));
  }
}

}  // namespace heapprof::tools
