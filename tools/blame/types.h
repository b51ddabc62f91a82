// SPDX-License-Identifier: Apache-2.0
// Bytes by C++ type, from the names of the plumbing that is folded otherwise.
//
// Between the allocator and a person's function stand the members of the container or the maker that asked:
// std::vector<Foo>::reserve, std::make_unique<Foo>. The outermost container or maker tells the type; where
// there is none, an allocator tells the element's. What `new` and malloc make leaves no such name:
// "[not known]". Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_BLAME_TYPES_H_
#define HEAPPROF_TOOLS_BLAME_TYPES_H_

#include <string>
#include <string_view>

#include "tools/profile/profile.h"

namespace heapprof::tools {

struct TypeOfName {
  std::string type;             // "" if the name tells none
  bool is_of_elements = false;  // an allocator's: a container around it tells more
};
// `whole` is the name of a function of a library.
TypeOfName FindType(std::string_view whole);

// Gives each sample a stack of one frame, which is called as the type is. `type` is the sample type by whose
// bytes wrappers are told. Values stay.
void StacksToTypes(Profile* profile, size_t type);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BLAME_TYPES_H_
