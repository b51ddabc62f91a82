// SPDX-License-Identifier: Apache-2.0
// The proto form of a profile of threads: threads/count.
//
// Labels: "thread" (its name), "state", and the thread's own. Threads that agree in these and in their stack
// are one sample. With `details` each thread is a sample of its own, and has besides, as far as known:
//
//   tid, cpu (nanoseconds), idle (nanoseconds since it last ran), call (the system call it waits in, or that
//   it wrote this) creator   a number, of the sample of value 0 whose label "created" is that number: the
//   stack that made it
//
// Thread-safety: one writer at a time. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_THREADS_THREAD_PROTO_H_
#define HEAPPROF_PROFILES_THREADS_THREAD_PROTO_H_

#include "profiles/threads/thread_list.h"
#include "profiles/write/count_proto.h"
#include "proto/byte_sink.h"

namespace heapprof {

// `workspace` is zeroed memory. 0 or -errno.
int WriteThreadProto(ThreadList* list, bool details, ByteSink* sink, CountProtoWorkspace* workspace);
// The same without details, of a list from which an earlier one was taken off.
int WriteThreadDelta(ThreadList* list, int64_t time, int64_t duration, ByteSink* sink,
                     CountProtoWorkspace* workspace);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_THREADS_THREAD_PROTO_H_
