// SPDX-License-Identifier: Apache-2.0
// Names for the frames of leaks: function, file and line, inlined calls too where the command can be asked.
//
// Thread-safety: an object belongs to one check. Signal-safety: yes (symbol tables of the mapped files; the
// command runs as a process of its own). Allocates: mmap only.
#ifndef HEAPPROF_LEAK_REPORT_FRAME_NAMES_H_
#define HEAPPROF_LEAK_REPORT_FRAME_NAMES_H_

#include <stddef.h>
#include <stdint.h>

#include "leak/report/findings.h"
#include "leak/report/source_lines.h"
#include "profiles/write/frame_symbols.h"
#include "sampling/modules/modules.h"

namespace heapprof::leak {

class FrameNames {
 public:
  FrameNames() = default;
  ~FrameNames();
  FrameNames(const FrameNames&) = delete;
  FrameNames& operator=(const FrameNames&) = delete;

  // Looks up all frames of the findings' stacks. 0 or -errno.
  int Resolve(const Findings& findings);

  // Calls visit(context, line) for each line of a return address, the innermost inlined call first; at least
  // once.
  void Lines(uint64_t return_address, void (*visit)(void* context, const FrameLine& line),
             void* context) const;
  // The file that the code is of, nullptr if there is none.
  const Module* ModuleOf(uint64_t return_address) const;

 private:
  struct Space {
    ModuleTable::Workspace modules;
    char scratch[FrameSymbols::kScratchSize];
  };

  Space* space_ = nullptr;
  ModuleTable* modules_ = nullptr;
  alignas(ModuleTable) char modules_storage_[sizeof(ModuleTable)];
  FrameSymbols symbols_;
  SourceLines sources_;
  uint64_t* addresses_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_REPORT_FRAME_NAMES_H_
