// SPDX-License-Identifier: Apache-2.0
// What the fast path shares with sampling: a thread's countdown, and the mask that samples are known by.
//
// Thread-safety: see each. Signal-safety: plain data. Allocates: never.
#ifndef HEAPPROF_SAMPLING_THREAD_COUNTDOWN_H_
#define HEAPPROF_SAMPLING_THREAD_COUNTDOWN_H_

#include <stdint.h>

namespace heapprof {

// What the fast path reads and writes: plain data, zero at birth, initial-exec. Nobody but its thread does:
// that may be load, subtract, store, and a thread may end in any way at any time.
//
// `countdown` is unsigned; the fast path subtracts a size and goes the slow way when the countdown was <=
// size. Zero (a new thread, interval 1) always goes the slow way, malloc(0) too. `stamp` tells of which
// interval the countdown was drawn: it is the value that g_interval_stamp had, and kShortSizes more.
//     stamp - g_interval_stamp
// is then kShortSizes, the bound of the sizes that the shortest way serves; it is negative, and any size goes
// the slow way, once the interval has changed (docs/decisions/0001-0017/0013-interval-stamp.md).
struct ThreadCountdown {
  uint64_t countdown;
  int64_t stamp;
};
extern thread_local ThreadCountdown t_countdown __asm__("hp_countdown")
    __attribute__((tls_model("initial-exec")));

// A second name for it. The first is an `extern thread_local`: at each use the compiler tests whether its
// constructor has run. It has none, and `extern __thread` says so.
extern __thread ThreadCountdown t_plain_countdown __asm__("hp_countdown")
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

// Changes with the interval, by kStampStep; written by SetInterval only. 0: before Start. On a line of its
// own, as every allocation reads it.
struct alignas(64) IntervalStamp {
  int64_t value;
};
extern IntervalStamp g_interval_stamp __asm__("hp_interval_stamp");
inline constexpr int64_t kShortSizes = 4097, kStampStep = 8192;

// False: the interval has changed since `countdown` was drawn.
inline bool IsDrawnOfPresentInterval(const ThreadCountdown& countdown) {
  // relaxed: a change that the thread knows of happened before, by the way it learned of it.
  return countdown.stamp >= __atomic_load_n(&g_interval_stamp.value, __ATOMIC_RELAXED);
}

// A-1, where samples are aligned to A: free() of a block with any of these bits set is not a sample. 0 until
// recorder::Start: then every free goes the slow way. May only lose bits.
extern uint64_t g_sample_mask __asm__("hp_sample_mask");

// The least A-1 there is: of exact tracking, and of intervals below 2 KiB. Where it is in force the filter
// (sampling/heap/sample_filter.h) is out of use for good: nearly every block would pass. Who sees a larger
// mask knows that all samples so far were counted there.
inline constexpr uint64_t kMinSampleMask = 15;
inline bool FilterInUse() { return __atomic_load_n(&g_sample_mask, __ATOMIC_RELAXED) > kMinSampleMask; }

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_THREAD_COUNTDOWN_H_
