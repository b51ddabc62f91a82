// SPDX-License-Identifier: Apache-2.0
#include "tools/base/progress.h"

#include <unistd.h>

#include <cstdio>

namespace heapprof::tools {

using std::chrono::steady_clock;

Progress::Progress(const char* what, size_t total)
    : what_(what),
      total_(total),
      terminal_(isatty(STDERR_FILENO) != 0),
      next_(steady_clock::now() + std::chrono::seconds(1)) {}

void Progress::Step() {
  ++done_;
  Show();
}

void Progress::Set(size_t done, size_t total) {
  done_ = done;
  total_ = total;
  Show();
}

void Progress::Show() {
  if (!terminal_ || steady_clock::now() < next_) return;
  next_ = steady_clock::now() + std::chrono::milliseconds(100);
  shown_ = true;
  std::fprintf(stderr, "\r\x1b[Kheapprof: %s", what_);
  if (total_ != 0) std::fprintf(stderr, ": %zu of %zu", done_, total_);
}

Progress::~Progress() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

}  // namespace heapprof::tools
