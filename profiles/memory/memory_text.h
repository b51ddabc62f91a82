// SPDX-License-Identifier: Apache-2.0
// The text form of the profile `memory`: a table by cause, then the stacks of the program's blocks, those
// with the most resident bytes first.
//
// Thread-safety: one writer at a time per workspace. Signal-safety: yes. Allocates: mmap only.
#ifndef HEAPPROF_PROFILES_MEMORY_MEMORY_TEXT_H_
#define HEAPPROF_PROFILES_MEMORY_MEMORY_TEXT_H_

#include "profiles/memory/memory_report.h"
#include "profiles/write/frame_symbols.h"
#include "proto/byte_sink.h"
#include "proto/text_stream.h"
#include "sampling/modules/modules.h"

namespace heapprof {

struct MemoryTextWorkspace {
  char text[TextStream::kBufferSize];
  char scratch[FrameSymbols::kScratchSize];
  ModuleTable::Workspace modules;
};

// 0, or -errno.
int WriteMemoryText(const MemoryReport& report, const HeapSource& source, ByteSink* sink,
                    MemoryTextWorkspace* workspace);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_MEMORY_MEMORY_TEXT_H_
