// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/made_profile.h"

#include <zlib.h>

#include <cstdlib>

namespace heapprof::test {

int64_t Intern(pb::Profile* profile, const std::string& text) {
  for (int i = 0; i < profile->string_table_size(); ++i) {
    if (profile->string_table(i) == text) return i;
  }
  profile->add_string_table(text);
  return profile->string_table_size() - 1;
}

pb::Profile MakeProfile() {
  pb::Profile profile;
  profile.add_string_table("");
  const auto intern = [&](const std::string& text) { return Intern(&profile, text); };
  for (const auto& [type, unit] :
       std::vector<std::pair<std::string, std::string>>{{"alloc_objects", "count"},
                                                        {"alloc_space", "bytes"},
                                                        {"inuse_objects", "count"},
                                                        {"inuse_space", "bytes"}}) {
    pb::ValueType* value_type = profile.add_sample_type();
    value_type->set_type(intern(type));
    value_type->set_unit(intern(unit));
  }
  profile.mutable_period_type()->set_type(intern("space"));
  profile.mutable_period_type()->set_unit(intern("bytes"));
  profile.set_period(524288);
  profile.set_time_nanos(1'700'000'000'123'000'000);
  profile.set_default_sample_type(intern("inuse_space"));
  profile.set_drop_frames(intern("malloc|calloc"));
  profile.add_comment(intern("lost samples: 3"));

  pb::Mapping* mapping = profile.add_mapping();
  mapping->set_id(1);
  mapping->set_memory_start(0x400000);
  mapping->set_memory_limit(0x500000);
  mapping->set_file_offset(0x1000);
  mapping->set_filename(intern("/usr/bin/program"));
  mapping->set_build_id(intern("0123456789abcdef"));

  pb::Function* function = profile.add_function();
  function->set_id(1);
  function->set_name(intern("Work"));
  for (uint64_t id : {1, 2}) {
    pb::Location* location = profile.add_location();
    location->set_id(id);
    location->set_mapping_id(1);
    location->set_address(0x401000 + id);
    if (id == 1) location->add_line()->set_function_id(1);
  }
  const int64_t values[2][4] = {{1, 2048, 1, 2048}, {2, 4096, 0, 0}};
  for (const auto& row : values) {
    pb::Sample* sample = profile.add_sample();
    sample->add_location_id(1);
    sample->add_location_id(2);
    for (int64_t value : row) sample->add_value(value);
    pb::Label* label = sample->add_label();
    label->set_key(intern("bytes"));
    label->set_num(2048);
    label->set_num_unit(intern("bytes"));
  }
  return profile;
}

std::string Gzip(const std::string& plain) {
  z_stream stream = {};
  constexpr int kGzipWindow = 15 + 16, kMemory = 8;
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
    abort();
  std::string out(deflateBound(&stream, plain.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) abort();
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Result RunCommand(const std::vector<std::string>& words) {
  Command command;
  command.argv = {HEAPPROF_COMMAND};
  // What text looks like depends on both.
  command.env = {{"LC_ALL", "C"}, {"COLUMNS", ""}};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  return RunProgram(command);
}

}  // namespace heapprof::test
