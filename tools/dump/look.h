// SPDX-License-Identifier: Apache-2.0
// A running program is looked at again and again: each time it writes its profiles `memory` and `heap` into a
// private folder, where nobody who gathers its own files finds them.
//
// The folder is made in the process' /tmp, or where its own files go, with the rights 0700 and for the user
// of the process; it goes with the object. The process is told of it by kLookRequest (base/dump_record.h):
// one signal a look. Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_DUMP_LOOK_H_
#define HEAPPROF_TOOLS_DUMP_LOOK_H_

#include <string>

#include "tools/process/file_rights.h"
#include "tools/process/process.h"

namespace heapprof::tools {

// Exists as long as the object.
class PrivateFolder {
 public:
  // Errors: Failure: no folder can be made there.
  explicit PrivateFolder(const Process& process);
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  // Removes it with what is in it.
  void Remove() const;
  void RemoveFiles() const;

  const std::string& here() const { return here_; }    // as this process finds it
  const std::string& there() const { return there_; }  // as the other one does

 private:
  bool Make(const Process& process, const std::string& parent);

  FileUser user_;  // the process'
  std::string here_, there_;
};

class Looker {
 public:
  // `cancel` becomes readable when nobody waits for the answer any more. Errors: Failure: there is no such
  // process, it does not run under heapprof or under too old a one, no folder can be made.
  Looker(long pid, double timeout_seconds, int cancel);

  const Process& process() const { return process_; }

  enum class Outcome { kSeen, kEnded, kCancelled };
  // Has the process write both files. Errors: Failure: it did not within the time, or could not; its handler
  // is not the library's.
  Outcome Look();
  std::string memory_file() const { return folder_.here() + "/look.memory.pb.gz"; }
  std::string heap_file() const { return folder_.here() + "/look.heap.pb.gz"; }
  void RemoveFiles() const { folder_.RemoveFiles(); }
  // The folder, too: nobody looks any more.
  void RemoveFolder() const { folder_.Remove(); }

 private:
  Process process_;
  double timeout_;
  int cancel_;
  PrivateFolder folder_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_DUMP_LOOK_H_
