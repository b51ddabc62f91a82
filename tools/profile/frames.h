// SPDX-License-Identifier: Apache-2.0
// What a table or a graph shows as one frame: a function, a line, a file or a module.
//
// A location is one frame or, with inlined functions, several. Frames with equal names are one. Without
// symbols a frame is its module, "[libc.so.6]", or, where not even that is known, "<unknown>", as in pprof.
// Thread-safety: reading, yes; the Profile must outlive the object.
#ifndef HEAPPROF_TOOLS_PROFILE_FRAMES_H_
#define HEAPPROF_TOOLS_PROFILE_FRAMES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/profile/profile.h"

namespace heapprof::tools {

enum class Granularity { kFunction, kLine, kFile, kModule };

// The last part of a path.
std::string_view BaseName(std::string_view path);

class FrameTable {
 public:
  FrameTable(const Profile& profile, Granularity granularity);

  size_t size() const { return frames_.size(); }
  // The frames of a location, the innermost first; at least one.
  Range<uint32_t> frames_of(uint32_t location) const {
    return {ids_.data() + first_[location], first_[location + 1] - first_[location]};
  }
  // As it is in the file: Printable() is for terminals.
  const std::string& name(uint32_t frame) const { return frames_[frame].name; }
  // The path of the file that is mapped there, of the first location seen with this frame; "" if not known.
  std::string_view module(uint32_t frame) const { return profile_.text(frames_[frame].module); }
  // The source file, likewise.
  std::string_view source(uint32_t frame) const { return profile_.text(frames_[frame].source); }

 private:
  struct Frame {
    std::string name;
    uint32_t module, source;
  };
  std::string NameOf(const ProfileLocation& location, const ProfileLine& line, Granularity granularity) const;

  const Profile& profile_;
  std::vector<Frame> frames_;
  std::vector<uint32_t> ids_, first_;  // of all locations; where those of one begin
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_FRAMES_H_
