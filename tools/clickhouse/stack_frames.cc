// SPDX-License-Identifier: Apache-2.0
#include "tools/clickhouse/stack_frames.h"

#include "base/hash.h"
#include "tools/profile/frames.h"

namespace heapprof::tools::clickhouse {
namespace {

// FNV-1a (Fowler, Noll, Vo) over the bytes of a text and its end, so that "ab" "c" is not "a" "bc".
uint64_t HashText(uint64_t hash, std::string_view text) {
  constexpr uint64_t kPrime = 0x100000001b3;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * kPrime;
  return (hash ^ 0x100 ^ text.size() << 9) * kPrime;
}

uint64_t HashWord(uint64_t hash, uint64_t word) { return MixBits(hash ^ word) + kGoldenRatio; }

uint64_t HashFrame(uint64_t hash, const StackFrame& frame) {
  for (const std::string* text :
       {&frame.function, &frame.linkage_name, &frame.file, &frame.module, &frame.build_id}) {
    hash = HashText(hash, *text);
  }
  hash = HashWord(hash, frame.offset);
  return HashWord(hash,
                  uint64_t{frame.line} << 33 | uint64_t{frame.start_line} << 1 | (frame.is_inlined ? 1 : 0));
}

uint32_t LineNumber(int64_t line) { return line > 0 && line <= UINT32_MAX ? static_cast<uint32_t>(line) : 0; }

StackFrame FrameAt(const Profile& profile, const ProfileLocation& location, std::string name) {
  StackFrame frame;
  frame.function = std::move(name);
  frame.offset = location.address;
  if (location.mapping != kNone) {
    const ProfileMapping& mapping = profile.mappings[location.mapping];
    frame.module = profile.text(mapping.filename);
    frame.build_id = profile.text(mapping.build_id);
    // Addresses that were never set (0) stay so.
    if (location.address != 0) frame.offset = location.address - mapping.start + mapping.offset;
  }
  return frame;
}

}  // namespace

StackFrames::StackFrames(const Profile& profile) : profile_(profile) {
  const FrameTable names(profile, Granularity::kFunction);
  frames_.resize(profile.locations.size());
  for (uint32_t i = 0; i < profile.locations.size(); ++i) {
    const ProfileLocation& location = profile.locations[i];
    const Range<uint32_t> shown = names.frames_of(i);
    const Range<ProfileLine> lines = profile.lines_of(location);
    for (size_t k = 0; k < shown.size(); ++k) {
      StackFrame frame = FrameAt(profile, location, names.name(shown[k]));
      if (k < lines.size() && lines[k].function != kNone) {
        const ProfileFunction& function = profile.functions[lines[k].function];
        frame.linkage_name = profile.text(function.system_name);
        frame.file = profile.text(function.filename);
        frame.start_line = LineNumber(function.start_line);
        frame.line = LineNumber(lines[k].line);
        // Functions that are called alike share the name of the first.
        const std::string_view name = NameOfWhole(profile, function);
        if (!name.empty()) frame.function = name;
      }
      frame.is_inlined = k + 1 < shown.size();
      frames_[i].push_back(std::move(frame));
    }
    uint64_t hash = kGoldenRatio;
    for (const StackFrame& frame : frames_[i]) hash = HashFrame(hash, frame);
    hashes_.push_back(hash);
  }
}

uint64_t StackFrames::NumberOf(const ProfileSample& sample) const {
  uint64_t hash = 0;
  for (const uint32_t location : profile_.stack(sample)) hash = HashWord(hash, hashes_[location]);
  return hash == 0 && sample.frame_count != 0 ? 1 : hash;
}

void FrameColumns::Add(const StackFrames& frames, const ProfileSample& sample) {
  for (const uint32_t location : frames.profile().stack(sample)) {
    for (const StackFrame& frame : frames.frames_of(location)) {
      functions_.Add(frame.function);
      linkage_names_.Add(frame.linkage_name);
      files_.Add(frame.file);
      modules_.Add(frame.module);
      build_ids_.Add(frame.build_id);
      lines_.push_back(frame.line);
      start_lines_.push_back(frame.start_line);
      offsets_.push_back(frame.offset);
      inlined_.push_back(frame.is_inlined ? 1 : 0);
    }
  }
  AddNone();
}

void FrameColumns::AppendTo(NativeBlock* block) const {
  const std::string text = kTextType;
  block->BeginTuples("frames",
                     "Array(Tuple(function " + text + ", linkage_name " + text + ", file " + text +
                         ", start_line UInt32, line UInt32, module " + text + ", build_id " + text +
                         ", offset UInt64, inlined UInt8))",
                     5, ends_);
  block->AddElements(functions_);
  block->AddElements(linkage_names_);
  block->AddElements(files_);
  block->AddElements(start_lines_);
  block->AddElements(lines_);
  block->AddElements(modules_);
  block->AddElements(build_ids_);
  block->AddElements(offsets_);
  block->AddElements(inlined_);
}

}  // namespace heapprof::tools::clickhouse
