// SPDX-License-Identifier: Apache-2.0
// How far long work has come, on stderr: after a second, on a terminal only, in one line that is wiped out at
// the end.
//
// Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_BASE_PROGRESS_H_
#define HEAPPROF_TOOLS_BASE_PROGRESS_H_

#include <chrono>
#include <cstddef>

namespace heapprof::tools {

class Progress {
 public:
  // `what` must outlive the object: "symbolizing", say.
  Progress(const char* what, size_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void Step();
  // So many of so many; of 0 where the whole is not known.
  void Set(size_t done, size_t total);

 private:
  void Show();

  const char* what_;
  size_t total_, done_ = 0;
  bool terminal_, shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_PROGRESS_H_
