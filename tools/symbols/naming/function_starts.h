// SPDX-License-Identifier: Apache-2.0
// Where the functions begin that no symbol names: stripped programs still have a table for exceptions.
//
// Reports tell such functions apart by it, "[cc1plus+0x7a1230]", in place of one row for all of a program.
// Thread-safety: a function without state. Errors: none; files that are not the profile's are passed over.
#ifndef HEAPPROF_TOOLS_SYMBOLS_NAMING_FUNCTION_STARTS_H_
#define HEAPPROF_TOOLS_SYMBOLS_NAMING_FUNCTION_STARTS_H_

#include "tools/profile/profile.h"

namespace heapprof::tools {

// Sets function_start of the locations without lines whose file is here, with the profile's build id.
void FindFunctionStarts(Profile* profile);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_NAMING_FUNCTION_STARTS_H_
