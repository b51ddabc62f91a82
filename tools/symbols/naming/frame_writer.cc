// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/naming/frame_writer.h"

#include "tools/symbols/demangle.h"

namespace heapprof::tools {

FrameWriter::FrameWriter(Profile* profile) : profile_(*profile), strings_(&profile->header.strings) {
  for (uint32_t i = 0; i < profile_.functions.size(); ++i) {
    const ProfileFunction& f = profile_.functions[i];
    functions_.emplace(std::tuple(f.name, f.system_name, f.filename, f.start_line), i);
  }
}

bool FrameWriter::Write(const std::vector<SourceFrame>& frames, ProfileLocation* location) {
  if (frames.empty() || profile_.lines.size() + frames.size() >= kNone) return false;
  location->first_line = static_cast<uint32_t>(profile_.lines.size());
  location->line_count = static_cast<uint32_t>(frames.size());
  for (const SourceFrame& frame : frames) profile_.lines.push_back({FunctionOf(frame), frame.line});
  return true;
}

uint32_t FrameWriter::FunctionOf(const SourceFrame& frame) {
  ProfileFunction function;
  if (frame.name.empty()) {
    const auto [name, is_new_name] = demangled_.try_emplace(frame.symbol);
    if (is_new_name) name->second = Demangle(frame.symbol);
    function.name = strings_.Intern(name->second);
  } else {
    function.name = strings_.Intern(frame.name);
  }
  function.system_name = strings_.Intern(frame.symbol);
  function.filename = strings_.Intern(frame.file);
  function.start_line = frame.start_line;
  const auto [found, is_new] = functions_.emplace(
      std::tuple(function.name, function.system_name, function.filename, function.start_line),
      static_cast<uint32_t>(profile_.functions.size()));
  if (is_new) profile_.functions.push_back(function);
  return found->second;
}

// Readers take these as "nothing is left to do here": they hold only where every location is resolved.
void FrameWriter::SetFlags() {
  struct Known {
    bool any = false, functions = true, filenames = true, lines = true, inlines = false;
  };
  std::vector<Known> all(profile_.mappings.size());
  for (const ProfileLocation& location : profile_.locations) {
    if (location.mapping == kNone) continue;
    Known& known = all[location.mapping];
    known.any = true;
    known.inlines = known.inlines || location.line_count > 1;
    if (location.line_count == 0) known.functions = known.filenames = known.lines = false;
    for (const ProfileLine& line : profile_.lines_of(location)) {
      known.functions = known.functions && line.function != kNone;
      known.filenames =
          known.filenames && line.function != kNone && profile_.functions[line.function].filename != 0;
      known.lines = known.lines && line.line != 0;
    }
  }
  for (size_t i = 0; i < all.size(); ++i) {
    ProfileMapping& mapping = profile_.mappings[i];
    const bool complete = all[i].any && all[i].functions;
    mapping.has_functions = mapping.has_functions || complete;
    mapping.has_filenames = mapping.has_filenames || (complete && all[i].filenames);
    mapping.has_line_numbers = mapping.has_line_numbers || (complete && all[i].lines);
    mapping.has_inline_frames = mapping.has_inline_frames || (complete && all[i].lines && all[i].inlines);
  }
}

}  // namespace heapprof::tools
