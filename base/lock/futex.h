// Waits on a word of this process' memory, and wakes who waits.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_LOCK_FUTEX_H_
#define HEAPPROF_BASE_LOCK_FUTEX_H_

#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include <atomic>

#include "base/system/raw_syscall.h"

namespace heapprof {

// Sleeps while the word is `value`, for at most `nanos`; 0: without limit. May come back early. 0 or -errno.
inline long FutexWait(const std::atomic<uint32_t>* word, uint32_t value, int64_t nanos) {
  constexpr int64_t kSecond = 1'000'000'000;
  timespec limit = {nanos / kSecond, nanos % kSecond};
  return RawSyscall(SYS_futex, reinterpret_cast<long>(word), FUTEX_WAIT_PRIVATE, value,
                    nanos > 0 ? reinterpret_cast<long>(&limit) : 0);
}

inline void FutexWakeAll(const std::atomic<uint32_t>* word) {
  RawSyscall(SYS_futex, reinterpret_cast<long>(word), FUTEX_WAKE_PRIVATE, INT32_MAX);
}

}  // namespace heapprof

#endif  // HEAPPROF_BASE_LOCK_FUTEX_H_
