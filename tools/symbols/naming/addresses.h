// SPDX-License-Identifier: Apache-2.0
// `heapprof addresses`: source lines for addresses of a process, which the library asks for when it writes a
// leak report. Not for people: it is not in the help.
//
// Standard input, one address a line:   ADDRESS START OFFSET BUILD_ID PATH
//     (hexadecimal; START and OFFSET of the mapping that holds the address; BUILD_ID "-" if there is none)
// Standard output, for each of them:    FUNCTION <tab> FILE <tab> LINE   the innermost inlined call first
//     and then an empty line, which stands alone where nothing is known.
#ifndef HEAPPROF_TOOLS_SYMBOLS_NAMING_ADDRESSES_H_
#define HEAPPROF_TOOLS_SYMBOLS_NAMING_ADDRESSES_H_

#include "tools/command/command.h"

namespace heapprof::tools {

// Reads all of the input before it writes, so that one who writes first and reads then does not wait for
// ever. A line that cannot be read is answered by an empty line.
void ResolveAddresses();

void AddAddresses(Command app);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_NAMING_ADDRESSES_H_
