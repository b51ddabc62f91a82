// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/profile_writer.h"

#include <zlib.h>

#include <functional>
#include <protozero/pbf_writer.hpp>

#include "proto/fields.h"
#include "tools/base/failure.h"
#include "tools/base/output_file.h"

namespace heapprof::tools {
namespace {

using protozero::pbf_writer;

class Gzip {
 public:
  explicit Gzip(OutputFile* out) : out_(out), piece_(1 << 16, '\0') {
    constexpr int kGzipWindow = 15 + 16, kMemory = 8;
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
      throw Failure("no memory to deflate with");
    }
  }
  ~Gzip() { deflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  void Write(std::string_view bytes) { Deflate(bytes, Z_NO_FLUSH); }
  void Finish() { Deflate({}, Z_FINISH); }

 private:
  void Deflate(std::string_view bytes, int flush) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(piece_.data());
      stream_.avail_out = static_cast<uInt>(piece_.size());
      deflate(&stream_, flush);
      out_->Write(std::string_view(piece_).substr(0, piece_.size() - stream_.avail_out));
    } while (stream_.avail_out == 0);
  }

  OutputFile* out_;
  std::string piece_;
  z_stream stream_{};
};

// The fields of one message at a time, handed on in pieces.
class Writer {
 public:
  using Sink = std::function<void(std::string_view)>;
  Writer(const Profile& profile, Sink sink) : profile_(profile), sink_(std::move(sink)), fields_(buffer_) {}

  void Write() {
    namespace field = fields::profile;
    const ProfileHeader& header = profile_.header;
    for (const ValueType& type : header.sample_types) AddValueType(field::kSampleType, type);
    for (size_t i = 0; i < profile_.samples.size(); ++i) AddSample(i);
    for (size_t i = 0; i < profile_.mappings.size(); ++i) AddMapping(i);
    for (size_t i = 0; i < profile_.locations.size(); ++i) AddLocation(i);
    for (size_t i = 0; i < profile_.functions.size(); ++i) AddFunction(i);
    for (size_t i = 0; i < header.strings.size(); ++i) {
      const std::string text = WellFormed(header.strings.at(static_cast<int64_t>(i)));
      fields_.add_string(field::kStringTable, text.data(), text.size());
      Flush();
    }
    AddNonZero(&fields_, field::kDropFrames, header.drop_frames);
    AddNonZero(&fields_, field::kKeepFrames, header.keep_frames);
    AddNonZero(&fields_, field::kTimeNanos, header.time_nanos);
    AddNonZero(&fields_, field::kDurationNanos, header.duration_nanos);
    if (header.period_type.type != 0) AddValueType(field::kPeriodType, header.period_type);
    AddNonZero(&fields_, field::kPeriod, header.period);
    for (const int64_t comment : header.comments) fields_.add_int64(field::kComment, comment);
    AddNonZero(&fields_, field::kDefaultSampleType, header.default_sample_type);
    sink_(buffer_);
  }

 private:
  static void AddNonZero(pbf_writer* writer, int field, int64_t value) {
    if (value != 0) writer->add_int64(static_cast<protozero::pbf_tag_type>(field), value);
  }
  static void AddUnsigned(pbf_writer* writer, int field, uint64_t value) {
    if (value != 0) writer->add_uint64(static_cast<protozero::pbf_tag_type>(field), value);
  }
  static void AddTrue(pbf_writer* writer, int field, bool value) {
    if (value) writer->add_bool(static_cast<protozero::pbf_tag_type>(field), true);
  }

  void Flush() {
    constexpr size_t kEnough = 1 << 16;
    if (buffer_.size() < kEnough) return;
    sink_(buffer_);
    buffer_.clear();
  }

  void AddValueType(int field, const ValueType& type) {
    pbf_writer message(fields_, static_cast<protozero::pbf_tag_type>(field));
    AddNonZero(&message, fields::value_type::kType, type.type);
    AddNonZero(&message, fields::value_type::kUnit, type.unit);
  }

  void AddSample(size_t i) {
    {
      pbf_writer message(fields_, fields::profile::kSample);
      ids_.clear();
      for (const uint32_t location : profile_.stack(profile_.samples[i]))
        ids_.push_back(location + uint64_t{1});
      message.add_packed_uint64(fields::sample::kLocationId, ids_.begin(), ids_.end());
      const Range<int64_t> values = profile_.values_of(i);
      message.add_packed_int64(fields::sample::kValue, values.begin(), values.end());
      for (const ProfileLabel& label : profile_.labels_of(profile_.samples[i])) {
        pbf_writer nested(message, fields::sample::kLabel);
        AddNonZero(&nested, fields::label::kKey, label.key);
        AddNonZero(&nested, fields::label::kStr, label.str);
        AddNonZero(&nested, fields::label::kNum, label.num);
        AddNonZero(&nested, fields::label::kNumUnit, label.unit);
      }
    }
    Flush();
  }

  void AddMapping(size_t i) {
    namespace field = fields::mapping;
    const ProfileMapping& mapping = profile_.mappings[i];
    pbf_writer message(fields_, fields::profile::kMapping);
    message.add_uint64(field::kId, i + 1);
    AddUnsigned(&message, field::kMemoryStart, mapping.start);
    AddUnsigned(&message, field::kMemoryLimit, mapping.limit);
    AddUnsigned(&message, field::kFileOffset, mapping.offset);
    AddNonZero(&message, field::kFilename, mapping.filename);
    AddNonZero(&message, field::kBuildId, mapping.build_id);
    AddTrue(&message, field::kHasFunctions, mapping.has_functions);
    AddTrue(&message, field::kHasFilenames, mapping.has_filenames);
    AddTrue(&message, field::kHasLineNumbers, mapping.has_line_numbers);
    AddTrue(&message, field::kHasInlineFrames, mapping.has_inline_frames);
  }

  void AddLocation(size_t i) {
    {
      namespace field = fields::location;
      const ProfileLocation& location = profile_.locations[i];
      pbf_writer message(fields_, fields::profile::kLocation);
      message.add_uint64(field::kId, i + 1);
      if (location.mapping != kNone) message.add_uint64(field::kMappingId, location.mapping + uint64_t{1});
      AddUnsigned(&message, field::kAddress, location.address);
      for (const ProfileLine& line : profile_.lines_of(location)) {
        pbf_writer nested(message, field::kLine);
        if (line.function != kNone) nested.add_uint64(fields::line::kFunctionId, line.function + uint64_t{1});
        AddNonZero(&nested, fields::line::kLine, line.line);
      }
      AddTrue(&message, field::kIsFolded, location.is_folded);
    }
    Flush();
  }

  void AddFunction(size_t i) {
    {
      namespace field = fields::function;
      const ProfileFunction& function = profile_.functions[i];
      pbf_writer message(fields_, fields::profile::kFunction);
      message.add_uint64(field::kId, i + 1);
      AddNonZero(&message, field::kName, function.name);
      AddNonZero(&message, field::kSystemName, function.system_name);
      AddNonZero(&message, field::kFilename, function.filename);
      AddNonZero(&message, field::kStartLine, function.start_line);
    }
    Flush();
  }

  const Profile& profile_;
  Sink sink_;
  std::string buffer_;
  pbf_writer fields_;
  std::vector<uint64_t> ids_;
};

}  // namespace

std::string SerializeProfile(const Profile& profile) {
  std::string bytes;
  Writer(profile, [&bytes](std::string_view piece) { bytes.append(piece); }).Write();
  return bytes;
}

void WriteProfile(const Profile& profile, const std::string& path, unsigned mode) {
  OutputFile file(path, mode);
  {
    Gzip gzip(&file);
    Writer(profile, [&gzip](std::string_view bytes) { gzip.Write(bytes); }).Write();
    gzip.Finish();
  }
  file.Commit();
}

}  // namespace heapprof::tools
