// SPDX-License-Identifier: Apache-2.0
// Folders and files of tests.
//
// Thread-safety: an object belongs to one thread. Allocates: yes; this is code of tests.
#ifndef HEAPPROF_TESTS_SUPPORT_FILES_H_
#define HEAPPROF_TESTS_SUPPORT_FILES_H_

#include <string>
#include <vector>

namespace heapprof::test {

// A folder under TMPDIR that is removed with all that is in it. Mode 0777, so that programs which give up
// their rights can write there.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// The names, without the folder, of what `folder` holds; sorted, "." and ".." left out.
std::vector<std::string> ListDir(const std::string& folder);

// The paths of the files in `folder` that end in ".heap.pb.gz", sorted.
std::vector<std::string> FindProfiles(const std::string& folder);

// The whole content. A file that cannot be read is empty.
std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& content);

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SUPPORT_FILES_H_
