// What the fast path shares with sampling: a thread's countdown, and the mask that samples are known by.
//
// Thread-safety: see each. Signal-safety: plain data. Allocates: never.
#ifndef HEAPPROF_SAMPLING_THREAD_COUNTDOWN_H_
#define HEAPPROF_SAMPLING_THREAD_COUNTDOWN_H_

#include <stdint.h>

namespace heapprof {

// What the fast path reads and writes: plain data, zero at birth, initial-exec. `countdown` is unsigned; the
// fast path subtracts a size and goes the slow way when the countdown was <= size. Zero (a new thread,
// interval 1) always goes the slow way, malloc(0) too.
struct ThreadCountdown {
  uint64_t countdown;
};
extern thread_local ThreadCountdown t_countdown __attribute__((tls_model("initial-exec")));

// A-1, where samples are aligned to A: free() of a block with any of these bits set is not a sample. 0 until
// recorder::Start: then every free goes the slow way. May only lose bits.
extern uint64_t g_sample_mask;

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_THREAD_COUNTDOWN_H_
