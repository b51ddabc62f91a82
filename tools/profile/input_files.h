// SPDX-License-Identifier: Apache-2.0
// The files that the words of a command line stand for: a fleet has more of them than a command line holds.
//
//   FILE    itself; - is standard input, as a profile
//   FOLDER  the profiles below it, in the order of their names: *.pb.gz, *.pb, *.pprof, *.prof, *.heap; links
//   to
//           folders are not followed, and names that begin with a dot are passed over
//   @LIST   what the file LIST names, one in a line, or, where a NUL byte is in it, one before each NUL; @-
//   reads
//           the list from standard input. Names may be of folders, and are not of lists
//
// Thread-safety: a function without state. Errors: Failure (a list that cannot be read, a folder without
// profiles); that a file is not there is seen by who opens it.
#ifndef HEAPPROF_TOOLS_PROFILE_INPUT_FILES_H_
#define HEAPPROF_TOOLS_PROFILE_INPUT_FILES_H_

#include <string>
#include <vector>

namespace heapprof::tools {

std::vector<std::string> InputFiles(const std::vector<std::string>& words);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_INPUT_FILES_H_
