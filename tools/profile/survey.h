// SPDX-License-Identifier: Apache-2.0
// What many files are, before any is loaded: which are of one kind, which are dumps of one process, which are
// the same.
//
// A file is read to its end, and its samples are passed over: what a profile says of itself may stand
// anywhere in it. About a hundred bytes are kept of each. Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_PROFILE_SURVEY_H_
#define HEAPPROF_TOOLS_PROFILE_SURVEY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tools/profile/load.h"
#include "tools/profile/profile.h"

namespace heapprof::tools {

struct FileFacts {
  bool readable = false;
  uint32_t kind = 0;  // index in Survey::kinds
  // Of the process that wrote it, by its id, its start and where its code lies: in containers many processes
  // have the id 1, and many are started in one second. 0: not known.
  uint64_t process = 0;
  uint64_t content = 0;  // hash of what is in it, inflated; 0: not known
  int64_t time_nanos = 0;
  // Of a profile of a time, as CPU profiles and differences are; 0: it tells of all up to a moment.
  int64_t duration_nanos = 0;
  // What was allocated is of that time, and what is in use is as it is at its end: the comment `delta`.
  bool is_delta = false;
};

// Sample types and period: what can be added up.
struct ProfileKind {
  std::string types, period;
  size_t files = 0;

  // A type whose name, without its unit, begins so (`inuse_`), or is that (`cpu/`).
  bool HasType(const std::string& beginning) const;
};
ProfileKind KindOf(const Profile& profile);
// FileFacts::process.
uint64_t ProcessOf(const Profile& profile);

struct Survey {
  std::vector<FileFacts> facts;      // as many as there are files
  std::vector<ProfileKind> kinds;    // in the order in which they were met
  std::vector<std::string> reasons;  // why a file is not readable, beside each; else ""
  // What cannot be read twice, standard input and pipes, or need not be: addresses.
  std::map<size_t, Profile> loaded;

  // The sample type that is asked for; empty: any.
  std::string type;

  // The kind that most of the files are of, the first of several; of those that have the type, if any does.
  // Not for a survey without readable files.
  size_t CommonKind() const;
};

Survey SurveyFiles(const std::vector<std::string>& files, const LoadOptions& options);

// What of a survey is to be summed: groups of files of which the first that can be loaded is taken, and the
// others are what it stands for.
struct Selection {
  std::vector<std::vector<size_t>> groups;  // indices of files; the newest dump of a process first
  std::vector<size_t> same;                 // files whose like is in a group
  std::vector<size_t> other_kinds;
  // Of these what is in use does not count: a later file has it.
  std::set<size_t> without_in_use;
};

Selection SelectFiles(const Survey& survey, bool keep_duplicates);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_SURVEY_H_
