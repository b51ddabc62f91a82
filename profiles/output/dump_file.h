// SPDX-License-Identifier: Apache-2.0
// The file of a dump: its name, and that it appears complete or not at all.
//
// Thread-safety: callers hold the dump lock. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_OUTPUT_DUMP_FILE_H_
#define HEAPPROF_PROFILES_OUTPUT_DUMP_FILE_H_

#include <stdint.h>

#include <initializer_list>

#include "base/options.h"
#include "base/text.h"

namespace heapprof {

// Keeps the program's name for %e. To be called at the start: daemons write their titles over the words that
// libc's pointer leads to, so that a later name is a piece of one, often with slashes in it.
void KeepProgramName();

// Puts the pattern's fields in: %p the pid, %n `number` with four digits or more, %e the program's name, %% a
// percent sign; then appends `suffix` (".heap.pb.gz"). False: the name does not fit.
bool ExpandPattern(const char* pattern, uint64_t number, const char* suffix, TextWriter* name);

// The files of one kind that this process has written by the pattern: numbers 1..written, of which
// 1..removed are gone.
struct NumberedFiles {
  uint64_t written, removed;
};
// Removes the oldest, so that the newest `keep` stay; 0: all do. A number may have several files. What is
// gone already is no error; without %n there is one file only.
void RemoveOldest(uint64_t keep, std::initializer_list<const char*> suffixes, NumberedFiles* files);

// A file under a temporary name in the same folder as `path`; it takes its name when it is complete. A path
// that names a device is written to as it is. What stands at `path` (an older dump, a planted link) is
// replaced, never written through.
class DumpFile {
 public:
  // Returns 0 or -errno. `path` must outlive the object.
  int Open(const char* path);
  int fd() const { return fd_; }
  // Takes the name if `error` is 0, and removes the temporary file otherwise. Returns error or -errno.
  int Close(int error);

 private:
  const char* path_ = nullptr;
  int fd_ = -1;
  bool is_device_ = false;
  Text<kPathCapacity> temporary_;
};

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_OUTPUT_DUMP_FILE_H_
