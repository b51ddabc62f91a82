// SPDX-License-Identifier: Apache-2.0
// The text forms of a profile of threads.
//
// debug 1, as Go's goroutine profile: threads by their stacks and labels, the most first.
//
//     threads profile: total 4
//     3 @ 0x7f1d0c3 0x55d0f8
//     # labels: {"request":"list"}
//     # threads: worker x3
//     #   0x7f1d0c3   __read+0x4d   /lib/x86_64-linux-gnu/libc.so.6
//
// debug 2: a paragraph for each thread, the asking one first, then in ascending order of ids.
//
//     thread 4711 "worker" [waiting: read fd 5, last ran 12.3 s ago], cpu 0.012 s
//     # labels: {"request":"list"}
//     #   0x7f1d0c3   __read+0x4d   /lib/x86_64-linux-gnu/libc.so.6
//     # created by
//     #   0x55d0f8    main+0x23     /bin/program
//
// Thread-safety: one writer at a time. Signal-safety: yes. Allocates: never from the heap; maps room for
// names and the order for the call.
#ifndef HEAPPROF_PROFILES_THREADS_THREAD_TEXT_H_
#define HEAPPROF_PROFILES_THREADS_THREAD_TEXT_H_

#include "profiles/threads/thread_list.h"
#include "profiles/write/frame_symbols.h"
#include "proto/byte_sink.h"
#include "proto/text_stream.h"
#include "sampling/modules/modules.h"

namespace heapprof {

struct ThreadTextWorkspace {
  char text[TextStream::kBufferSize];
  char scratch[FrameSymbols::kScratchSize];
  ModuleTable::Workspace modules;
};

// `workspace` is zeroed memory. 0 or -errno.
int WriteThreadText(ThreadList* list, int debug, ByteSink* sink, ThreadTextWorkspace* workspace);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_THREADS_THREAD_TEXT_H_
