// SPDX-License-Identifier: Apache-2.0
// Names for addresses of a binary, out of its symbol tables (.symtab and .dynsym).
//
// For tests only: an independent way from an address in a profile to the function that the test knows by
// name. Thread-safety: reading, yes. Allocates: yes.
#ifndef HEAPPROF_TESTS_SUPPORT_ELF_SYMBOLS_H_
#define HEAPPROF_TESTS_SUPPORT_ELF_SYMBOLS_H_

#include <stdint.h>

#include <map>
#include <string>
#include <vector>

namespace heapprof::test {

// A demangled name without its parameters and without anonymous namespaces: what tests know a function by.
std::string PlainName(const std::string& demangled);

class ElfSymbols {
 public:
  // Reads the tables of `path`. A file that is no 64-bit ELF file has no names.
  explicit ElfSymbols(const std::string& path);

  // The plain name of the function that holds the byte at `file_offset`; "" when there is
  // none.
  std::string NameAt(uint64_t file_offset) const;

 private:
  struct Segment {
    uint64_t offset, address, size;
  };
  struct Symbol {
    uint64_t size;
    std::string name;
  };
  std::vector<Segment> segments_;
  std::map<uint64_t, Symbol> functions_;  // by address
};

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SUPPORT_ELF_SYMBOLS_H_
