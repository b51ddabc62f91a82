// SPDX-License-Identifier: Apache-2.0
// A stack of frames without frame pointers; walk_bench.cc itself is built with them.
#ifndef HEAPPROF_BENCH_WALK_DEPTH_H_
#define HEAPPROF_BENCH_WALK_DEPTH_H_

// Calls `then` below `levels` frames.
void CallAtDepth(int levels, void (*then)(void*), void* argument);

#endif  // HEAPPROF_BENCH_WALK_DEPTH_H_
