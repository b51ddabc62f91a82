// SPDX-License-Identifier: Apache-2.0
// The process that a profile is of, if it still lives here: where files are that it has mapped and that are
// under no name any more, or under one of another root.
//
// Thread-safety: a value. Errors: none; what may not be looked into is not there.
#ifndef HEAPPROF_TOOLS_SYMBOLS_SOURCES_LIVING_PROCESS_H_
#define HEAPPROF_TOOLS_SYMBOLS_SOURCES_LIVING_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "tools/profile/profile.h"

namespace heapprof::tools {

class LivingProcess {
 public:
  // Seconds by which a start may seem to differ: clocks are set, and times are cut to seconds.
  static constexpr time_t kStartTolerance = 2;

  // By the comments `pid` and `start-time`: another process may have the same pid by now.
  explicit LivingProcess(const Profile& profile);

  // 0 if it is not known.
  pid_t pid() const { return pid_; }
  // When it began; 0 if that is not known.
  time_t start() const { return start_; }
  bool lives() const { return lives_; }
  // Paths under which a file may be opened that it has mapped from `start` to `limit` as `path`; none if it
  // does not live. `is_program`: it is the program itself.
  std::vector<std::string> PlacesOf(const std::string& path, uint64_t start, uint64_t limit,
                                    bool is_program) const;

 private:
  pid_t pid_ = 0;
  time_t start_ = 0;
  bool lives_ = false;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_SOURCES_LIVING_PROCESS_H_
