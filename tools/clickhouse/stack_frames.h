// SPDX-License-Identifier: Apache-2.0
// The frames of stacks as rows of the table `stacks`, and the number that names a stack in all others.
//
// A frame is a function, so that inlined functions are frames of their own; the leaf comes first. A stack's
// number is a hash of what its frames are, of all but where modules were mapped: the same code is the same
// stack in each process of a fleet, on each day. Two of a billion stacks have one number with a probability
// of 3 %, of ten millions with 3 in a million. Thread-safety: an object belongs to one thread. Errors: none.
// Invariant: number 0 is the stack without frames, which no row describes. What goes into the hash and how is
// never changed: numbers of old rows would not be met again.
#ifndef HEAPPROF_TOOLS_CLICKHOUSE_STACK_FRAMES_H_
#define HEAPPROF_TOOLS_CLICKHOUSE_STACK_FRAMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/clickhouse/native_block.h"
#include "tools/profile/profile.h"

namespace heapprof::tools::clickhouse {

struct StackFrame {
  std::string function;  // as reports show it: "[libc.so.6+0x2a3c0]" where nothing names it
  std::string linkage_name, file, module, build_id;
  uint32_t line = 0, start_line = 0;
  uint64_t offset = 0;      // in the module's file; the address itself, where no module is known
  bool is_inlined = false;  // into the next frame
};

// The frames of a profile's locations.
class StackFrames {
 public:
  explicit StackFrames(const Profile& profile);
  uint64_t NumberOf(const ProfileSample& sample) const;
  const Profile& profile() const { return profile_; }
  const std::vector<StackFrame>& frames_of(uint32_t location) const { return frames_[location]; }

 private:
  const Profile& profile_;
  std::vector<std::vector<StackFrame>> frames_;  // by location, the innermost first
  std::vector<uint64_t> hashes_;                 // by location
};

// The column `frames`, of many stacks.
class FrameColumns {
 public:
  void Add(const StackFrames& frames, const ProfileSample& sample);
  // A row whose frames are told of elsewhere.
  void AddNone() { ends_.push_back(files_.size()); }
  void AppendTo(NativeBlock* block) const;

 private:
  std::vector<uint64_t> ends_, offsets_;
  std::vector<uint32_t> lines_, start_lines_;
  std::vector<uint8_t> inlined_;
  Texts functions_, linkage_names_, files_, modules_, build_ids_;
};

}  // namespace heapprof::tools::clickhouse

#endif  // HEAPPROF_TOOLS_CLICKHOUSE_STACK_FRAMES_H_
