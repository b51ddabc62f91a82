// SPDX-License-Identifier: Apache-2.0
// Files in folders of another process are made and removed with the rights of its user.
//
// Root that looks into a process of somebody else goes by names which he can change meanwhile, to links and
// mounts of his own: what root makes, gives away or removes there could be any file of the machine. With his
// rights it is one that he could make or remove himself.
//
// Thread-safety: what changes are the rights of the calling thread, until the object goes in the same thread.
#ifndef HEAPPROF_TOOLS_PROCESS_FILE_RIGHTS_H_
#define HEAPPROF_TOOLS_PROCESS_FILE_RIGHTS_H_

#include <sys/types.h>

#include <vector>

#include "tools/process/process.h"

namespace heapprof::tools {

// Whose a process' files are.
struct FileUser {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;
};

// Errors: Failure: the process has ended.
FileUser FileUserOf(const Process& process);

class FileRights {
 public:
  // Changes nothing where this process is not root, or the user is the same.
  explicit FileRights(const FileUser& theirs);
  ~FileRights();
  FileRights(const FileRights&) = delete;
  FileRights& operator=(const FileRights&) = delete;

  // False: they cannot be taken, as errno says, and this process still has its own.
  bool taken() const { return taken_; }

 private:
  void Restore() const;

  FileUser own_;
  bool taken_ = true, changed_ = false;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_FILE_RIGHTS_H_
