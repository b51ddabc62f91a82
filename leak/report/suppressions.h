// SPDX-License-Identifier: Apache-2.0
// Suppressions in LeakSanitizer's syntax: leaks that are known, and are not to be told.
//
//   # comment
//   leak:pattern        matches a function, source file or module of any frame of the leak's stack
// A pattern matches anywhere in the text; `*` stands for any characters, `^` and `$` for begin and end.
//
// Thread-safety: Load once, then reading. Signal-safety: reading, yes. Allocates: mmap only, once.
#ifndef HEAPPROF_LEAK_REPORT_SUPPRESSIONS_H_
#define HEAPPROF_LEAK_REPORT_SUPPRESSIONS_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof::leak {

struct Suppression {
  const char* pattern;
  uint64_t blocks, bytes;  // what it matched in the last check
};

// True if `pattern` matches `text`. Exposed for tests.
bool PatternMatches(const char* pattern, const char* text);

class Suppressions {
 public:
  static constexpr size_t kMax = 4096;

  // Adds the lines of `text`, which is changed and must stay. `source` is named in complaints.
  void Add(char* text, const char* source);
  // Adds the lines of a file. 0 or -errno.
  int AddFile(const char* path);
  // Adds a copy of `text`.
  void AddCopy(const char* text, const char* source);

  size_t count() const { return count_; }
  Suppression& at(size_t index) { return list_[index]; }
  // The first that matches, or nullptr.
  Suppression* Match(const char* text);

 private:
  Suppression* list_ = nullptr;
  size_t count_ = 0;
};

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_REPORT_SUPPRESSIONS_H_
