// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/proto_load.h"

#include <algorithm>

#include "tools/base/failure.h"
#include "tools/base/id_map.h"

namespace heapprof::tools {
namespace {

// What an id costs besides its entry, at most: a node of a hash map here, and one in the reader's set.
constexpr uint64_t kBytesPerId = 96;

class Loader : public ProfileVisitor {
 public:
  explicit Loader(uint64_t max_bytes) : left_(max_bytes) {}

  Profile Load(ProfileSource* source) {
    profile_.header = ReadProfile(source, this);
    // Every id that was referred to has been defined: the reader checks it.
    OrderMappings();
    return std::move(profile_);
  }

 private:
  void OnSample(const Sample& sample) override;
  void OnMapping(const Mapping& mapping) override;
  void OnLocation(const Location& location) override;
  void OnFunction(const Function& function) override;

  void Charge(uint64_t bytes) {
    if (bytes > left_) throw Failure("needs more memory than the bound that --max-size sets");
    left_ -= bytes;
  }
  // The entry of `id`, which may be known by a reference to it only.
  template <typename T>
  uint32_t Place(IdMap* ids, uint64_t id, std::vector<T>* entries) {
    const uint32_t index = ids->IndexOf(id);
    if (index >= entries->size()) {
      Charge(sizeof(T) + kBytesPerId);
      entries->resize(index + 1);
    }
    return index;
  }
  void OrderMappings();

  Profile profile_;
  uint64_t left_;
  IdMap mapping_ids_, location_ids_, function_ids_;
  std::vector<uint32_t> mapping_order_;  // the mappings' indices in the order of their definitions
};

void Loader::OnSample(const Sample& sample) {
  Charge(sizeof(ProfileSample) + sample.location_ids.size() * sizeof(uint32_t) +
         sample.values.size() * sizeof(int64_t) + sample.labels.size() * sizeof(ProfileLabel));
  ProfileSample out;
  if (profile_.frames.size() + sample.location_ids.size() >= kNone ||
      profile_.labels.size() + sample.labels.size() >= kNone) {
    throw Failure("has more than 4294967294 frames");
  }
  out.first_frame = static_cast<uint32_t>(profile_.frames.size());
  out.frame_count = static_cast<uint32_t>(sample.location_ids.size());
  out.first_label = static_cast<uint32_t>(profile_.labels.size());
  out.label_count = static_cast<uint32_t>(sample.labels.size());
  for (const uint64_t id : sample.location_ids) {
    profile_.frames.push_back(Place(&location_ids_, id, &profile_.locations));
  }
  for (const Label& label : sample.labels) {
    // The reader lets no index pass that is not inside a table of 16 M strings, at the file's end at the
    // latest.
    profile_.labels.push_back({static_cast<uint32_t>(label.key), static_cast<uint32_t>(label.str),
                               static_cast<uint32_t>(label.num_unit), label.num});
  }
  profile_.values.insert(profile_.values.end(), sample.values.begin(), sample.values.end());
  profile_.samples.push_back(out);
}

void Loader::OnMapping(const Mapping& mapping) {
  const uint32_t index = Place(&mapping_ids_, mapping.id, &profile_.mappings);
  mapping_order_.push_back(index);
  ProfileMapping& out = profile_.mappings[index];
  out.start = mapping.memory_start;
  out.limit = mapping.memory_limit;
  out.offset = mapping.file_offset;
  out.filename = static_cast<uint32_t>(mapping.filename);
  out.build_id = static_cast<uint32_t>(mapping.build_id);
  out.has_functions = mapping.has_functions;
  out.has_filenames = mapping.has_filenames;
  out.has_line_numbers = mapping.has_line_numbers;
  out.has_inline_frames = mapping.has_inline_frames;
}

void Loader::OnLocation(const Location& location) {
  const uint32_t index = Place(&location_ids_, location.id, &profile_.locations);
  Charge(location.lines.size() * sizeof(ProfileLine));
  if (profile_.lines.size() + location.lines.size() >= kNone) throw Failure("has more than 4294967294 lines");
  ProfileLocation out;
  out.address = location.address;
  out.is_folded = location.is_folded;
  if (location.mapping_id != 0) out.mapping = Place(&mapping_ids_, location.mapping_id, &profile_.mappings);
  out.first_line = static_cast<uint32_t>(profile_.lines.size());
  out.line_count = static_cast<uint32_t>(location.lines.size());
  for (const Line& line : location.lines) {
    ProfileLine to;
    to.line = line.line;
    if (line.function_id != 0) to.function = Place(&function_ids_, line.function_id, &profile_.functions);
    profile_.lines.push_back(to);
  }
  profile_.locations[index] = out;
}

void Loader::OnFunction(const Function& function) {
  ProfileFunction& out = profile_.functions[Place(&function_ids_, function.id, &profile_.functions)];
  out.name = static_cast<uint32_t>(function.name);
  out.system_name = static_cast<uint32_t>(function.system_name);
  out.filename = static_cast<uint32_t>(function.filename);
  out.start_line = function.start_line;
}

// A file may define its mappings after the locations that refer to them.
void Loader::OrderMappings() {
  if (std::is_sorted(mapping_order_.begin(), mapping_order_.end())) return;
  std::vector<ProfileMapping> ordered;
  std::vector<uint32_t> place(mapping_order_.size());
  for (const uint32_t index : mapping_order_) {
    place[index] = static_cast<uint32_t>(ordered.size());
    ordered.push_back(profile_.mappings[index]);
  }
  profile_.mappings = std::move(ordered);
  for (ProfileLocation& location : profile_.locations) {
    if (location.mapping != kNone) location.mapping = place[location.mapping];
  }
}

}  // namespace

Profile LoadProto(ProfileSource* source, uint64_t max_bytes) { return Loader(max_bytes).Load(source); }

}  // namespace heapprof::tools
