// SPDX-License-Identifier: Apache-2.0
#include "tests/support/profile.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <ostream>
#include <set>

#include "tests/support/elf_symbols.h"
#include "tests/support/files.h"

namespace heapprof::test {

std::ostream& operator<<(std::ostream& out, const Totals& totals) {
  return out << "allocated " << totals.alloc_objects << ": " << totals.alloc_space << ", in use "
             << totals.inuse_objects << ": " << totals.inuse_space;
}

bool Gunzip(const std::string& data, std::string* plain) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return false;  // 15 window bits, + 16: a gzip header
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  char buffer[65536];
  int status;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    status = inflate(&stream, Z_NO_FLUSH);
    plain->append(buffer, sizeof buffer - stream.avail_out);
  } while (status == Z_OK);
  const bool whole = status == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole;
}

void AnyProfile::Parse(const std::string& compressed) {
  std::string plain;
  if (!Gunzip(compressed, &plain)) {
    error_ = "no whole gzip stream in " + std::to_string(compressed.size()) + " bytes";
  } else if (!proto_.ParseFromString(plain)) {
    error_ = "no message in " + std::to_string(plain.size()) + " bytes";
  } else {
    error_ = FindFault();
  }
}

HeapProfile ParseProfile(const std::string& compressed) {
  HeapProfile profile;
  profile.Parse(compressed);
  if (profile.error_.empty()) profile.error_ = profile.FindHeapFault();
  if (profile.error_.empty()) profile.NameLocations();
  return profile;
}

CountProfile::CountProfile(const std::string& compressed) {
  Parse(compressed);
  if (error_.empty()) error_ = FindCountFault();
  if (error_.empty()) NameLocations();
}

HeapProfile ReadProfile(const std::string& path) { return ParseProfile(ReadFile(path)); }

std::string AnyProfile::FindFault() const {
  const int64_t strings = proto_.string_table_size();
  if (strings == 0 || !Text(0).empty()) return "string 0 is not empty";
  auto bad = [&](int64_t index) { return index < 0 || index >= strings; };

  for (const pb::ValueType& type : proto_.sample_type()) {
    if (bad(type.type()) || bad(type.unit())) return "sample type out of the string table";
  }
  if (bad(proto_.period_type().type()) || bad(proto_.period_type().unit())) return "bad period type";
  if (proto_.time_nanos() <= 0) return "no time";
  if (bad(proto_.default_sample_type()) || bad(proto_.drop_frames())) return "name out of the string table";

  std::set<uint64_t> mappings, functions, locations;
  for (const pb::Mapping& mapping : proto_.mapping()) {
    if (mapping.id() == 0 || !mappings.insert(mapping.id()).second) return "bad id of a mapping";
    if (mapping.memory_start() >= mapping.memory_limit()) return "empty mapping";
    if (mapping.memory_start() % 4096 != 0) return "mapping that starts within a page";
    if (bad(mapping.filename()) || bad(mapping.build_id())) return "mapping out of the string table";
  }
  for (const pb::Function& function : proto_.function()) {
    if (function.id() == 0 || !functions.insert(function.id()).second) return "bad id of a function";
    if (bad(function.name()) || bad(function.system_name()) || bad(function.filename())) {
      return "function out of the string table";
    }
  }
  for (const pb::Location& location : proto_.location()) {
    if (location.id() == 0 || !locations.insert(location.id()).second) return "bad id of a location";
    if (location.mapping_id() != 0 && mappings.count(location.mapping_id()) == 0) return "unknown mapping";
    for (const pb::Line& line : location.line()) {
      if (functions.count(line.function_id()) == 0) return "unknown function";
    }
  }
  for (const pb::Sample& sample : proto_.sample()) {
    if (sample.value_size() != proto_.sample_type_size()) return "not one value for each type";
    if (sample.location_id_size() == 0) return "sample without a stack";
    for (uint64_t id : sample.location_id()) {
      if (locations.count(id) == 0) return "unknown location";
    }
  }
  return "";
}

std::string HeapProfile::FindHeapFault() const {
  static const char* const kTypes[4][2] = {{"alloc_objects", "count"},
                                           {"alloc_space", "bytes"},
                                           {"inuse_objects", "count"},
                                           {"inuse_space", "bytes"}};
  if (proto_.sample_type_size() != 4) return "not four sample types";
  for (int i = 0; i < 4; ++i) {
    const pb::ValueType& type = proto_.sample_type(i);
    if (Text(type.type()) != kTypes[i][0] || Text(type.unit()) != kTypes[i][1]) return "wrong sample type";
  }
  if (Text(proto_.period_type().type()) != "space" || Text(proto_.period_type().unit()) != "bytes") {
    return "period type is not space/bytes";
  }
  for (const pb::Sample& sample : proto_.sample()) {
    for (int i = 0; i < 2; ++i) {
      if (sample.value(2 + i) < 0) return "in use below zero";
      if (sample.value(2 + i) > sample.value(i)) return "in use above allocated";
    }
  }
  std::set<uint64_t> own;
  for (const pb::Mapping& mapping : proto_.mapping()) {
    if (Text(mapping.filename()).find("/libheapprof.so") != std::string::npos) own.insert(mapping.id());
  }
  for (const pb::Location& location : proto_.location()) {
    if (own.count(location.mapping_id()) != 0) return "a frame of the library's own";
  }
  return "";
}

// Of a named profile with values.
std::string CountProfile::FindAmountFault() const {
  if (proto_.period() != 1) return "the period is not one count";
  if (Text(proto_.sample_type(1).type()) != "amount") return "the second value is no amount";
  if (proto_.default_sample_type() != proto_.sample_type(1).type()) return "amounts are not the default";
  for (const pb::Sample& sample : proto_.sample()) {
    if (sample.value(0) < 0 || sample.value(1) < 0) return "a value is negative";
    if (sample.value(0) == 0 && sample.value(1) == 0) return "a sample without a value";
  }
  return "";
}

std::string CountProfile::FindCountFault() const {
  const int types = proto_.sample_type_size();
  if (types != 1 && types != 2) return "neither one nor two sample types";
  if (Text(proto_.sample_type(0).unit()) != "count") return "the first value is no count";
  if (types == 2 && proto_.period_type().type() == proto_.sample_type(0).type()) return FindAmountFault();
  const pb::ValueType& scaled = proto_.sample_type(types - 1);
  if (proto_.period_type().type() != scaled.type()) return "period type is not that of the last value";
  for (const pb::Sample& sample : proto_.sample()) {
    if (sample.value(0) <= 0) return "no count";
    if (sample.value(types - 1) != sample.value(0) * proto_.period())
      return "value is not count times period";
  }
  return "";
}

void AnyProfile::NameLocations() {
  // kept over profiles: the same libraries come again and again. Never freed: tests are short.
  static auto* const binaries = new std::map<std::string, std::unique_ptr<ElfSymbols>>;
  std::map<uint64_t, const pb::Mapping*> mappings;
  std::map<uint64_t, const pb::Function*> functions;
  for (const pb::Mapping& mapping : proto_.mapping()) mappings[mapping.id()] = &mapping;
  for (const pb::Function& function : proto_.function()) functions[function.id()] = &function;
  for (const pb::Location& location : proto_.location()) {
    std::vector<std::string>& names = names_[location.id()];
    for (const pb::Line& line : location.line()) {
      names.push_back(PlainName(Text(functions[line.function_id()]->name())));
    }
    if (!names.empty()) continue;
    const pb::Mapping* mapping = location.mapping_id() != 0 ? mappings[location.mapping_id()] : nullptr;
    if (mapping == nullptr || Text(mapping->filename()).rfind('/', 0) != 0) {
      names.push_back("");
      continue;
    }
    std::unique_ptr<ElfSymbols>& binary = (*binaries)[Text(mapping->filename())];
    if (binary == nullptr) binary = std::make_unique<ElfSymbols>(Text(mapping->filename()));
    names.push_back(binary->NameAt(location.address() - mapping->memory_start() + mapping->file_offset()));
  }
}

template <typename Wanted>
Totals HeapProfile::Sum(Wanted wanted) const {
  Totals totals;
  for (const pb::Sample& sample : proto_.sample()) {
    if (!wanted(sample)) continue;
    totals.alloc_objects += sample.value(0);
    totals.alloc_space += sample.value(1);
    totals.inuse_objects += sample.value(2);
    totals.inuse_space += sample.value(3);
  }
  return totals;
}

std::vector<std::string> AnyProfile::Stack(const pb::Sample& sample) const {
  std::vector<std::string> stack;
  for (uint64_t id : sample.location_id()) {
    const std::vector<std::string>& names = names_.at(id);
    stack.insert(stack.end(), names.begin(), names.end());
  }
  return stack;
}

Totals HeapProfile::Total() const {
  return Sum([](const pb::Sample&) { return true; });
}

bool AnyProfile::HasFrame(const pb::Sample& sample, const std::string& function) const {
  const std::vector<std::string> stack = Stack(sample);
  return std::find(stack.begin(), stack.end(), function) != stack.end();
}

Totals HeapProfile::In(const std::string& function) const {
  return Sum([&](const pb::Sample& sample) { return HasFrame(sample, function); });
}

Totals HeapProfile::AtLeaf(const std::string& function) const {
  return Sum([&](const pb::Sample& sample) { return Stack(sample).front() == function; });
}

template <typename Wanted>
int64_t CountProfile::Sum(Wanted wanted) const {
  int64_t sum = 0;
  for (const pb::Sample& sample : proto_.sample()) sum += wanted(sample) ? sample.value(0) : 0;
  return sum;
}

int64_t CountProfile::Total() const {
  return Sum([](const pb::Sample&) { return true; });
}

int64_t CountProfile::In(const std::string& function) const {
  return Sum([&](const pb::Sample& sample) { return HasFrame(sample, function); });
}

int64_t CountProfile::AtLeaf(const std::string& function) const {
  return Sum([&](const pb::Sample& sample) { return Stack(sample).front() == function; });
}

int64_t CountProfile::Labelled(const std::string& key, const std::string& value) const {
  return Sum([&](const pb::Sample& sample) {
    return std::any_of(sample.label().begin(), sample.label().end(), [&](const pb::Label& label) {
      return Text(label.key()) == key && Text(label.str()) == value;
    });
  });
}

std::string CountProfile::Comment(const std::string& key) const {
  for (int64_t comment : proto_.comment()) {
    if (Text(comment).rfind(key + ": ", 0) == 0) return Text(comment).substr(key.size() + 2);
  }
  return "";
}

TypedProfile::TypedProfile(const std::string& compressed) {
  Parse(compressed);
  if (error_.empty()) NameLocations();
}

std::vector<std::string> TypedProfile::Types() const {
  std::vector<std::string> types;
  for (const pb::ValueType& type : proto_.sample_type())
    types.push_back(Text(type.type()) + "/" + Text(type.unit()));
  return types;
}

// A type that is not there has the sum -1.
template <typename Wanted>
int64_t TypedProfile::Sum(const std::string& type, Wanted wanted) const {
  int at = 0;
  while (at < proto_.sample_type_size() && Text(proto_.sample_type(at).type()) != type) ++at;
  if (at == proto_.sample_type_size()) return -1;
  int64_t sum = 0;
  for (const pb::Sample& sample : proto_.sample()) sum += wanted(sample) ? sample.value(at) : 0;
  return sum;
}

int64_t TypedProfile::Total(const std::string& type) const {
  return Sum(type, [](const pb::Sample&) { return true; });
}

int64_t TypedProfile::In(const std::string& type, const std::string& function) const {
  return Sum(type, [&](const pb::Sample& sample) { return HasFrame(sample, function); });
}

std::string TypedProfile::Comment(const std::string& key) const {
  for (int64_t comment : proto_.comment()) {
    if (Text(comment).rfind(key + ": ", 0) == 0) return Text(comment).substr(key.size() + 2);
  }
  return "";
}

std::string AnyProfile::Comments() const {
  std::string text;
  for (int64_t comment : proto_.comment()) text += Text(comment) + "\n";
  return text;
}

}  // namespace heapprof::test
