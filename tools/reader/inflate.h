// SPDX-License-Identifier: Apache-2.0
// The bytes of a profile file, inflated if it is gzip'd, as a stream with a bound.
//
// Nothing but one piece is held in memory, whatever the file claims; a gzip bomb ends at the bound.
// Thread-safety: an object belongs to one thread. Errors: Failure, whose line does not name the file.
#ifndef HEAPPROF_TOOLS_READER_INFLATE_H_
#define HEAPPROF_TOOLS_READER_INFLATE_H_

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heapprof::tools {

// A profile of a million samples has about 50 MB.
inline constexpr uint64_t kDefaultInflatedLimit = uint64_t{1} << 30;

// A profile file that is in memory.
struct FileBytes {
  std::string_view bytes;
};

class ProfileSource {
 public:
  // "-" reads standard input. Errors: the file cannot be opened, or is empty.
  explicit ProfileSource(const std::string& path, uint64_t limit = kDefaultInflatedLimit);
  // The bytes are copied.
  explicit ProfileSource(FileBytes file, uint64_t limit = kDefaultInflatedLimit);
  ~ProfileSource();
  ProfileSource(const ProfileSource&) = delete;
  ProfileSource& operator=(const ProfileSource&) = delete;

  // Up to `size` bytes, at least one; 0 at the end of a complete file.
  // Errors: reading fails, the gzip stream is damaged or ends early, the limit is passed.
  size_t Read(char* to, size_t size);

  // The first bytes, at most 64, which Read delivers too: they tell the kinds of profiles apart. Before the
  // first Read. Errors: as Read.
  std::string_view Head();

 private:
  void Start();
  size_t ReadOn(char* to, size_t size);
  bool Fill();  // false at the end of the file
  size_t ReadPlain(char* to, size_t size);
  size_t ReadInflated(char* to, size_t size);
  void StartMember();

  uint64_t limit_;
  uint64_t produced_ = 0;
  int fd_;  // -1: all of it is in buffer_
  bool gzip_ = false;
  bool in_member_ = false;  // between a gzip member's header and its trailer
  std::vector<unsigned char> buffer_;
  size_t begin_ = 0, end_ = 0;  // what of buffer_ is not consumed
  z_stream stream_{};
  std::string head_;      // read ahead by Head
  size_t head_used_ = 0;  // of which Read has delivered
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_READER_INFLATE_H_
