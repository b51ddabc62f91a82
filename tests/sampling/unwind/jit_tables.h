// SPDX-License-Identifier: Apache-2.0
// Unwind tables as a JIT registers them, for tests.
//
// Thread-safety: pure. Allocates: what it returns.
#ifndef HEAPPROF_TESTS_SAMPLING_UNWIND_JIT_TABLES_H_
#define HEAPPROF_TESTS_SAMPLING_UNWIND_JIT_TABLES_H_

#include <stdint.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace heapprof::test {

// Tables, as a JIT registers them, of one function at `code`, whose frame has `size` bytes with the return
// address.
inline std::vector<unsigned char> TablesOf(uintptr_t code, unsigned char size) {
  std::vector<unsigned char> tables = {20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0x78, 16, 0x0c, 7, size, 0x90, 1};
  tables.resize(24);
  const unsigned char record[] = {24, 0, 0, 0, 28, 0, 0, 0};
  tables.insert(tables.end(), record, record + sizeof(record));
  for (uintptr_t value : {code, uintptr_t{256}}) {
    for (int i = 0; i < 8; ++i) tables.push_back(static_cast<unsigned char>(value >> (8 * i)));
  }
  tables.resize(tables.size() + 8);
  return tables;
}

// Tables of one function at `code` with a frame of `words` words, which has saved rbp `below` words below its
// end.
inline std::vector<unsigned char> TablesWithFp(uintptr_t code, unsigned words, unsigned below) {
  std::vector<unsigned char> tables = TablesOf(code, 0);
  const unsigned size = words * 8;
  const unsigned char row[] = {
      0x0c, 7,    static_cast<unsigned char>(size | 128),  static_cast<unsigned char>(size >> 7), 0x90,
      1,    0x86, static_cast<unsigned char>(below | 128), static_cast<unsigned char>(below >> 7)};
  std::copy(std::begin(row), std::end(row), tables.begin() + 13);
  return tables;
}

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SAMPLING_UNWIND_JIT_TABLES_H_
