// SPDX-License-Identifier: Apache-2.0
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
#include <type_traits>

#include "base/system/raw_syscall.h"

namespace heapprof {

// Sleeps while the word is `value`, for at most `nanos`; 0: without limit. May come back early. 0 or -errno.
// `operation` is FUTEX_WAIT_PRIVATE, or FUTEX_WAIT for FutexWaitForEnd.
template <typename Word>
long FutexWait(const std::atomic<Word>* word, std::common_type_t<Word> value, int64_t nanos,
               long operation = FUTEX_WAIT_PRIVATE) {
  static_assert(sizeof(*word) == sizeof(uint32_t));
  constexpr int64_t kSecond = 1'000'000'000;
  timespec limit = {nanos / kSecond, nanos % kSecond};
  return RawSyscall(SYS_futex, reinterpret_cast<long>(word), operation, static_cast<long>(value),
                    nanos > 0 ? reinterpret_cast<long>(&limit) : 0);
}

// The same of a word that the kernel clears at a process' end (CLONE_CHILD_CLEARTID): its wake-up is not for
// those that wait privately.
template <typename Word>
long FutexWaitForEnd(const std::atomic<Word>* word, std::common_type_t<Word> value, int64_t nanos) {
  return FutexWait(word, value, nanos, FUTEX_WAIT);
}

template <typename Word>
void FutexWakeOne(const std::atomic<Word>* word) {
  RawSyscall(SYS_futex, reinterpret_cast<long>(word), FUTEX_WAKE_PRIVATE, 1);
}
template <typename Word>
void FutexWakeAll(const std::atomic<Word>* word) {
  RawSyscall(SYS_futex, reinterpret_cast<long>(word), FUTEX_WAKE_PRIVATE, INT32_MAX);
}

}  // namespace heapprof

#endif  // HEAPPROF_BASE_LOCK_FUTEX_H_
