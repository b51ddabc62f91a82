// SPDX-License-Identifier: Apache-2.0
// The threads of a profile that `heapprof threads` has asked for (profiles/threads/thread_proto.h), or of any
// with threads/count: then a row may stand for several threads, and has no details.
//
// Thread-safety: reading, yes; the Profile must outlive the rows.
#ifndef HEAPPROF_TOOLS_THREADS_THREAD_ROWS_H_
#define HEAPPROF_TOOLS_THREADS_THREAD_ROWS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tools/profile/profile.h"

namespace heapprof::tools {

struct ThreadRow {
  size_t sample = 0;  // its index
  int64_t threads = 1;
  int64_t tid = 0;  // 0: not known
  std::string name, state, call;
  int64_t cpu_nanos = -1, idle_nanos = -1;                  // -1: not known
  std::vector<std::pair<std::string, std::string>> labels;  // its own
  size_t creator = SIZE_MAX;                                // the index of that sample; SIZE_MAX: not known
};

// In the order of the file. Errors: Failure: it is no profile of threads.
std::vector<ThreadRow> ThreadRows(const Profile& profile);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_THREADS_THREAD_ROWS_H_
