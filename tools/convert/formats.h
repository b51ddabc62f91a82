// SPDX-License-Identifier: Apache-2.0
// The formats of other tools that a profile can be written in. Names are whole, values exact.
//
// Errors: Failure, also where the format has no form for what the profile holds: negative values, units.
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_CONVERT_FORMATS_H_
#define HEAPPROF_TOOLS_CONVERT_FORMATS_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/base/output_file.h"
#include "tools/profile/frames.h"
#include "tools/report/view.h"

namespace heapprof::tools {

// Gathers small pieces of text for a file.
class TextOutput {
 public:
  explicit TextOutput(OutputFile* file) : file_(file) {}
  TextOutput& operator<<(std::string_view text) {
    constexpr size_t kEnough = 1 << 16;
    buffer_ += text;
    if (buffer_.size() >= kEnough) Flush();
    return *this;
  }
  void Flush() {
    file_->Write(buffer_);
    buffer_.clear();
  }

 private:
  OutputFile* file_;
  std::string buffer_;
};

// speedscope's own format: one profile in the file for each of `types`, the first of which is shown.
void WriteSpeedscope(const View& view, const FrameTable& frames, const std::vector<size_t>& types,
                     TextOutput* out);
// One line a stack, the root first: FRAME;FRAME VALUE.
void WriteFolded(const View& view, const FrameTable& frames, TextOutput* out);
// What V8's heap sampler writes, and DevTools shows as "allocation sampling": .heapprofile.
void WriteHeapProfile(const View& view, const FrameTable& frames, TextOutput* out);
// What V8's CPU profiler writes: .cpuprofile. A profile has no order in time: equal stacks lie side by side,
// heavy ones first.
void WriteCpuProfile(const View& view, const FrameTable& frames, TextOutput* out);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_CONVERT_FORMATS_H_
