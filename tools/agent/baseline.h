// SPDX-License-Identifier: Apache-2.0
// What a process had counted when it was last asked, so that what it has counted since can be sent.
//
// Engines sum what they are sent: of a value that only grows they want the difference. It is made here, and
// not by the process' own `delta_heap`: others may ask for that, too, an answer that gets lost would take its
// part with it, and the process shall keep nothing for us. A sample is known by its stack and its labels, the
// stack by places in files: what dlclose has unmapped keeps them (docs/design.md). 24 bytes a sample.
//
// Thread-safety: a value. Errors: none.
#ifndef HEAPPROF_TOOLS_AGENT_BASELINE_H_
#define HEAPPROF_TOOLS_AGENT_BASELINE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/profile/profile.h"

namespace heapprof::tools::agent {

// Whether values of this sample type only grow: of a heap profile those that begin with "alloc_", of profiles
// of waits all.
bool OnlyGrows(std::string_view profile_kind, std::string_view type_name);

class Baseline {
 public:
  // Turns the values of `profile` that only grow into what they have grown since the last call, drops samples
  // that have nothing left, and makes the profile's time that between the two. An object that was never used
  // remembers, and leaves nothing of these values: what came before is of no interval of ours; but where
  // `since_nanos` is not 0, the process began then, and all of it is new. Values that have become less are
  // those of a new program in the same process: all of them are new. False: there is nothing to be told.
  bool Subtract(std::string_view profile_kind, int64_t since_nanos, Profile* profile);

  int64_t time_nanos() const { return time_nanos_; }  // of the profile it remembers; 0: none
  size_t bytes() const { return entries_.capacity() * sizeof(Entry); }

  // For a file of the agent's own.
  std::string Pack() const;
  bool Unpack(std::string_view bytes);

 private:
  struct Entry {
    uint64_t key;
    int64_t values[2];
  };
  std::vector<Entry> entries_;  // by key, each once
  int64_t time_nanos_ = 0;
};

// Of a profile that has just come, made at most `longest` nanoseconds ago: a time that cannot be, as the
// process says what it likes and the clock may be set, becomes one that ends now.
void KeepTime(int64_t now, int64_t longest, Profile* profile);
// A longer duration becomes this one; the end stays.
void LimitDuration(int64_t longest, Profile* profile);

// Takes out the samples whose values are all 0, and then the locations and functions that no sample has.
void Compact(Profile* profile);

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_BASELINE_H_
