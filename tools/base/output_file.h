// SPDX-License-Identifier: Apache-2.0
// A file that is there whole or not at all.
//
// It is written under a temporary name beside its own and renamed by Commit; without Commit it is removed.
// "-" is standard output; what is there and is no regular file (a device, a FIFO) is written to as it is.
// Thread-safety: an object belongs to one thread. Errors: Failure, which names the file.
#ifndef HEAPPROF_TOOLS_BASE_OUTPUT_FILE_H_
#define HEAPPROF_TOOLS_BASE_OUTPUT_FILE_H_

#include <string>
#include <string_view>

namespace heapprof::tools {

class OutputFile {
 public:
  // `mode` is that of the new file, cut by the umask.
  explicit OutputFile(const std::string& path, unsigned mode = 0666);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void Write(std::string_view bytes);
  void Commit();

 private:
  [[noreturn]] void Fail(int error) const;

  std::string path_, temporary_;  // temporary_ is empty where there is none
  int fd_ = -1;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_OUTPUT_FILE_H_
