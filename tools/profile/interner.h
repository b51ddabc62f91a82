// SPDX-License-Identifier: Apache-2.0
// Each text once in a string table.
//
// Thread-safety: an object belongs to one thread. Errors: those of ProfileStrings::Add.
// Invariant: slots_ holds index + 1 of every string of the table, at most half full; the first of equal ones
// is found.
#ifndef HEAPPROF_TOOLS_PROFILE_INTERNER_H_
#define HEAPPROF_TOOLS_PROFILE_INTERNER_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "tools/reader/profile_strings.h"

namespace heapprof::tools {

class Interner {
 public:
  // The table must outlive the object, and grow through it only. String 0 of an empty table becomes "".
  explicit Interner(ProfileStrings* table);
  uint32_t Intern(std::string_view text);

 private:
  size_t Slot(std::string_view text) const;
  void Enter(uint32_t index);

  ProfileStrings* table_;
  std::vector<uint32_t> slots_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_INTERNER_H_
