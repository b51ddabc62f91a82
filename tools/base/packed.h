// SPDX-License-Identifier: Apache-2.0
// Bytes of files that only this machine reads again: values as they lie in memory, texts with their length in
// front, and a checksum (CRC-32).
//
// Thread-safety: as of the objects. Errors: a reader that comes to the end early is no longer good(), and
// hands out zeros and empty texts.
#ifndef HEAPPROF_TOOLS_BASE_PACKED_H_
#define HEAPPROF_TOOLS_BASE_PACKED_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace heapprof::tools {

class PackedWriter {
 public:
  template <typename T>
  void Put(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <typename Length>
  void PutText(std::string_view text) {
    Put(static_cast<Length>(text.size()));
    bytes_ += text;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class PackedReader {
 public:
  explicit PackedReader(std::string_view bytes) : rest_(bytes) {}
  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }
  template <typename T>
  T Get() {
    T value = {};
    const std::string_view piece = Take(sizeof value);
    if (good_) std::memcpy(&value, piece.data(), sizeof value);
    return value;
  }
  template <typename Length>
  std::string_view GetText() {
    return Take(Get<Length>());
  }

 private:
  std::string_view Take(uint64_t size);

  std::string_view rest_;
  bool good_ = true;
};

uint32_t Checksum(std::string_view bytes);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_PACKED_H_
