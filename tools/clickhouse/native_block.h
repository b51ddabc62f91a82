// SPDX-License-Identifier: Apache-2.0
// One block of rows in ClickHouse's format Native: column by column, each with its name and its type.
//
//     Texts service;
//     service.Add("checkout");
//     NativeBlock block(1, 1);
//     block.AddTexts("service", service);
//
// Of the formats that ClickHouse reads it is the one that costs the server least (decision 57): a column of a
// few texts is a table of them and a number a row. A text may hold any bytes.
// Thread-safety: an object belongs to one thread. Errors: none.
// Invariant: a block has at least one row; readers refuse others.
#ifndef HEAPPROF_TOOLS_CLICKHOUSE_NATIVE_BLOCK_H_
#define HEAPPROF_TOOLS_CLICKHOUSE_NATIVE_BLOCK_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace heapprof::tools::clickhouse {

// A column LowCardinality(String), or the elements of one of arrays.
class Texts {
 public:
  Texts() { NumberOf(""); }  // number 0 is the empty text, as the format has it
  Texts(const Texts&) = delete;
  Texts& operator=(const Texts&) = delete;
  uint32_t NumberOf(std::string_view text);
  void AddNumber(uint32_t number) { rows_.push_back(number); }
  void Add(std::string_view text) { AddNumber(NumberOf(text)); }
  size_t size() const { return rows_.size(); }
  // Without the state that goes in front of a column.
  void AppendTo(std::string* out) const;

 private:
  std::deque<std::string> texts_;
  std::unordered_map<std::string_view, uint32_t> numbers_;
  std::vector<uint32_t> rows_;
};

class NativeBlock {
 public:
  NativeBlock(size_t columns, size_t rows);

  // T is the column's type in memory, `type` its name: Numbers<int64_t>("value", "Int64", values).
  template <typename T>
  void AddNumbers(const char* name, const char* type, const std::vector<T>& values) {
    Begin(name, type);
    AppendWords(values);
  }
  void AddTexts(const char* name, const Texts& texts);
  // A map, or an array of tuples, `type`, of which that many elements are texts: AddElements follows for each
  // element. `ends` are the numbers of tuples up to the end of each row.
  void BeginTuples(const char* name, const std::string& type, size_t texts,
                   const std::vector<uint64_t>& ends);
  void AddElements(const Texts& texts) { texts.AppendTo(&bytes_); }
  template <typename T>
  void AddElements(const std::vector<T>& values) {
    AppendWords(values);
  }

  std::string Take() { return std::move(bytes_); }

 private:
  void Begin(const char* name, const std::string& type);
  template <typename T>
  void AppendWords(const std::vector<T>& values) {
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format's order of bytes");
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }

  std::string bytes_;
};

inline constexpr char kTextType[] = "LowCardinality(String)";

}  // namespace heapprof::tools::clickhouse

#endif  // HEAPPROF_TOOLS_CLICKHOUSE_NATIVE_BLOCK_H_
