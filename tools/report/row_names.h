// SPDX-License-Identifier: Apache-2.0
// What stands in a text report for a frame: the display form of its name, and, where rows would read the
// same, what tells them apart: parameters, else file and line, else the module.
//
// Thread-safety: reading, yes; the table must outlive the object.
#ifndef HEAPPROF_TOOLS_REPORT_ROW_NAMES_H_
#define HEAPPROF_TOOLS_REPORT_ROW_NAMES_H_

#include <string>
#include <unordered_map>
#include <vector>

#include "tools/profile/frames.h"

namespace heapprof::tools {

enum class NameForm {
  kDisplay,
  kLong,     // as they are in the profile
  kMangled,  // as the linker knows them
};

class RowNames {
 public:
  // `shown` are the frames of the report, each once or more.
  RowNames(const FrameTable& frames, NameForm form, const std::vector<uint32_t>& shown);

  // For a terminal. A display form is shortened to `columns`; 0 is no bound.
  std::string Of(uint32_t frame, size_t columns) const;

 private:
  struct Name {
    std::string text, place;
  };
  std::string Plain(uint32_t frame) const;
  std::string LineOf(uint32_t frame) const;
  void TellApart(const std::vector<uint32_t>& same);

  const FrameTable& frames_;
  NameForm form_;
  std::unordered_map<uint32_t, Name> names_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_ROW_NAMES_H_
