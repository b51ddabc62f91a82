// SPDX-License-Identifier: Apache-2.0
// Reads rows of the format RowBinary, which a server has answered: every length is checked.
//
// Thread-safety: an object belongs to one thread. Errors: Failure, where the answer ends within a row.
#ifndef HEAPPROF_TOOLS_CLICKHOUSE_ROW_READER_H_
#define HEAPPROF_TOOLS_CLICKHOUSE_ROW_READER_H_

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace heapprof::tools::clickhouse {

class RowReader {
 public:
  // `bytes` must outlive the object and what it returns.
  explicit RowReader(std::string_view bytes) : rest_(bytes) {}
  bool AtEnd() const { return rest_.empty(); }

  // An integer or float of that width.
  template <typename T>
  T Number() {
    T value;
    std::memcpy(&value, Take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view Text() { return Take(Length()); }
  std::vector<std::string_view> Texts();
  template <typename T>
  std::vector<T> Numbers() {
    const uint64_t count = Length();
    CheckRoom(count, sizeof(T));
    std::vector<T> values(count);
    if (count != 0) std::memcpy(values.data(), Take(count * sizeof(T)).data(), count * sizeof(T));
    return values;
  }
  // What is still to be read.
  std::string_view rest() const { return rest_; }

 private:
  uint64_t Length();
  std::string_view Take(uint64_t size);
  void CheckRoom(uint64_t count, uint64_t least_size) const;

  std::string_view rest_;
};

}  // namespace heapprof::tools::clickhouse

#endif  // HEAPPROF_TOOLS_CLICKHOUSE_ROW_READER_H_
