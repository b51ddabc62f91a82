// SPDX-License-Identifier: Apache-2.0
// Names for the profiles of many processes, looked up once for each file.
//
// Which files a process has mapped the kernel says; what the profile says of paths and build ids chooses
// among these, and opens nothing. A file is opened through the mapping itself (/proc/PID/map_files), or,
// where that is not allowed, by its path below the process' root, if it is the file that is mapped. What was
// found is kept by build id, for files of one owner on one device: he alone can have made the file that names
// it, and files with the same build id of others have names of their own. Thread-safety: an object belongs to
// one thread. Errors: none; what cannot be read has no names.
#ifndef HEAPPROF_TOOLS_AGENT_NAMES_BINARY_NAMES_H_
#define HEAPPROF_TOOLS_AGENT_NAMES_BINARY_NAMES_H_

#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tools/agent/process/held_process.h"
#include "tools/profile/profile.h"
#include "tools/symbols/cache/name_cache.h"

namespace heapprof::tools::agent {

// Of one file, or of all files with one build id that one owner has.
struct FileNames {
  std::string build_id;
  std::string folder;  // of the cache; "": nothing is kept
  NamesByOffset known;
  bool cache_read = false;
  size_t bytes = 0;  // of `known`
  int failures = 0;  // of workers that told nothing
};

// What was found out of one process; goes with it.
struct ProcessFiles {
  std::vector<MapsLine> maps;
  std::map<uint64_t, std::shared_ptr<FileNames>> by_start;  // of a line of `maps`
  // By path and build id of the profile: of files that were mapped once, too.
  std::map<std::pair<std::string, std::string>, std::shared_ptr<FileNames>> by_claim;
  bool given_up = false;
};

struct NamingFigures {
  uint64_t workers = 0;    // that were started
  uint64_t looked_up = 0;  // places
  uint64_t failed = 0;     // workers that told nothing, in time or at all
  uint64_t put_off = 0;    // lookups that were not made, as a file or a user has cost too much
  uint64_t refused = 0;    // files that were not what they were said to be
};

class BinaryNames {
 public:
  struct Options {
    std::string cache_folder;  // "": nothing is kept over the end
    std::vector<std::string> debug_paths;
    bool debuginfod = false;
    double worker_seconds = 15;
    double user_seconds = 60;     // of workers for one user in ten minutes
    size_t max_folders = 64;      // of the cache, one for each owner and device, of 16 MiB at most
    size_t max_bytes = 64 << 20;  // of all names that are kept
  };
  explicit BinaryNames(Options options) : options_(std::move(options)) {}

  // Puts names to the locations of `profile` that have none.
  void Name(const HeldProcess& process, ProcessFiles* files, Profile* profile);

  const NamingFigures& figures() const { return figures_; }
  size_t file_count() const { return files_.size(); }

 private:
  std::shared_ptr<FileNames> FileOf(const HeldProcess& process, ProcessFiles* files, const Profile& profile,
                                    const ProfileMapping& mapping, OwnedFd* opened);
  std::shared_ptr<FileNames> NamesOf(int fd, const std::string& build_id);
  OwnedFd OpenMapped(const HeldProcess& process, const MapsLine& line);
  std::string FolderOf(const std::string& name);
  // Forgets the names of the files that have most of them, while there are too many.
  void Trim();
  void LookUp(const HeldProcess& process, int fd, std::vector<uint64_t> offsets, FileNames* names,
              ProcessFiles* files);

  Options options_;
  NamingFigures figures_;
  // By build id and owner, or by the file. Those of processes that have ended stay while there is room.
  std::map<std::string, std::shared_ptr<FileNames>> files_;
  std::set<std::string> folders_;  // of the cache, that were made use of
  // What the workers for a user's processes have taken in some minutes: when it is too much, nothing of his
  // is looked up until these are over.
  struct Spent {
    double seconds = 0;
    time_t since = 0;
  };
  std::map<uid_t, Spent> spent_;
};

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_NAMES_BINARY_NAMES_H_
