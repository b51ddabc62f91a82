// SPDX-License-Identifier: Apache-2.0
// Names that engines take, made of names that programs chose.
//
// Thread-safety: functions without state; an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_SEND_RULES_NAMES_H_
#define HEAPPROF_TOOLS_SEND_RULES_NAMES_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace heapprof::tools::send {

// Of a sample type or a unit: letters, digits and '_', all else becomes '_'. Pyroscope refuses a profile with
// '-' in a type, and queries of both engines part the names by ':'.
std::string TypeName(std::string_view text);

// Of a label, [a-zA-Z_][a-zA-Z0-9_]*: all else becomes '_'. Names that begin with "__" are the engines' own:
// "__name__" becomes "label__name__". At most 128 bytes.
std::string LabelName(std::string_view text);

// The value of a label: well-formed UTF-8 without control characters, cut between two characters.
std::string LabelText(std::string_view text, size_t max_bytes);

// Tells names apart that have become the same: the second a is a_2.
class UniqueNames {
 public:
  std::string Add(const std::string& name);

 private:
  std::map<std::string, int> names_;  // with the number of the next like it
};

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_RULES_NAMES_H_
