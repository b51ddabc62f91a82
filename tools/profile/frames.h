// SPDX-License-Identifier: Apache-2.0
// What a table or a graph shows as one frame: a function, a line, a file or a module.
//
// A location is one frame or, with inlined functions, several. By function two frames are one if their names,
// the lines where they begin and their source files (modules, where those are not known) are: static
// functions that are called the same stay apart, parts and copies that the compiler made of one do not. One
// symbol of one module that begins in one line is one frame, whatever its files: a line table without the
// functions (their .dwo is missing) has those of what was inlined. By
// name all of one name are one frame, as in pprof. Without symbols a frame is the place in its module where
// the function begins, "[cc1plus+0x7a1230]"; by name, or where that is not known, its module, "[libc.so.6]";
// where not even that is known, "<unknown>". Thread-safety: reading, yes; the Profile must outlive the
// object.
#ifndef HEAPPROF_TOOLS_PROFILE_FRAMES_H_
#define HEAPPROF_TOOLS_PROFILE_FRAMES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/profile/profile.h"

namespace heapprof::tools {

enum class Granularity { kFunction, kName, kLine, kFile, kModule };

// The last part of a path.
std::string_view BaseName(std::string_view path);

// "[cc1plus+0x7a1230]" for a function that nothing names, which begins at `start` of the module.
std::string NameOfPlace(std::string_view module_path, uint64_t start);

// The function's name without what says that it is a part or a copy. In Go "main.cold" is cold of package
// main.
std::string_view NameOfWhole(const Profile& profile, const ProfileFunction& function);
bool IsOfGo(std::string_view source_file);

class FrameTable {
 public:
  FrameTable(const Profile& profile, Granularity granularity);

  size_t size() const { return frames_.size(); }
  // The frames of a location, the innermost first; at least one.
  Range<uint32_t> frames_of(uint32_t location) const {
    return {ids_.data() + first_[location], first_[location + 1] - first_[location]};
  }
  // As it is in the file, without a mark of the compiler's: Printable() is for terminals.
  const std::string& name(uint32_t frame) const { return frames_[frame].name; }
  // The name, and where other frames have the same what tells it from them: "usage (/src/a.c:12)",
  // "init [libfoo.so]".
  std::string UniqueName(uint32_t frame) const;
  // What it adds to the name, for any frame: " (/src/a.c:12)".
  std::string Suffix(uint32_t frame) const;
  // The place in that: "/src/a.c:12", or the module; "" if neither is known.
  std::string PlaceOf(uint32_t frame) const;
  // The function's name without a line, and as the linker knows it; "" where the frame is no function.
  std::string_view function_name(uint32_t frame) const;
  std::string_view system_name(uint32_t frame) const;
  // Where the function begins in its source file; 0 if not known.
  int64_t start_line(uint32_t frame) const;
  Granularity granularity() const { return granularity_; }
  // The path of the file that is mapped there, of the first location seen with this frame; "" if not known.
  std::string_view module(uint32_t frame) const { return profile_.text(frames_[frame].module); }
  // The source file, likewise.
  std::string_view source(uint32_t frame) const;

 private:
  struct Frame {
    std::string name;
    uint32_t module;    // string
    uint32_t function;  // kNone: none
    int64_t line;
    bool shares_name = false;
  };
  std::string NameOf(const ProfileLocation& location, const ProfileLine& line) const;
  void MarkSharedNames();

  const Profile& profile_;
  Granularity granularity_;
  std::vector<Frame> frames_;
  std::vector<uint32_t> ids_, first_;  // of all locations; where those of one begin
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_FRAMES_H_
