// SPDX-License-Identifier: Apache-2.0
// Files, lines and inlined calls, asked of the command `heapprof` where it is installed: it knows DWARF, and
// we do not. It runs as a process of its own, which the program does not see: no SIGCHLD, not waited for by
// wait().
//
// Thread-safety: an object belongs to one check. Signal-safety: yes. Allocates: mmap only. Takes a fork's
// time, and what reading the debug information takes; after kTimeout the process is given up.
#ifndef HEAPPROF_LEAK_REPORT_SOURCE_LINES_H_
#define HEAPPROF_LEAK_REPORT_SOURCE_LINES_H_

#include <stddef.h>
#include <stdint.h>

#include "proto/memory_sink.h"
#include "sampling/modules/modules.h"

namespace heapprof::leak {

// One line of a report. A call that was inlined has its own, before that of the function it stands in.
struct FrameLine {
  const char* function;  // "" if it is not known
  const char* file;      // "" likewise
  uint32_t line;         // 0 likewise
};

// Says that the command may be run: the one of the tree that the library is in, else one of `search_path`
// (PATH). Called once, at start, and not in a program that has rights its caller has not.
void TrustCommand(const char* search_path);

class SourceLines {
 public:
  SourceLines() = default;
  ~SourceLines();
  SourceLines(const SourceLines&) = delete;
  SourceLines& operator=(const SourceLines&) = delete;

  // `addresses`: return addresses in ascending order. Without the command, or when it fails, nothing is
  // known.
  void Ask(const ModuleTable& modules, const uint64_t* addresses, uint32_t count);

  // Calls visit for each line of a return address. False: nothing is known of it.
  bool Lines(uint64_t return_address, void (*visit)(void* context, const FrameLine& line),
             void* context) const;

 private:
  void Index(uint32_t count);

  const uint64_t* addresses_ = nullptr;
  uint32_t count_ = 0;
  MemorySink answer_;
  uint32_t* first_ = nullptr;  // of each address: where its lines begin in the answer
};

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_REPORT_SOURCE_LINES_H_
