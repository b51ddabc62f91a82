// SPDX-License-Identifier: Apache-2.0
// The library's own thread, which serves HTTP (http/server.h): it is none of the program's, so that no list
// of threads has it.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_SYSTEM_OWN_THREAD_H_
#define HEAPPROF_BASE_SYSTEM_OWN_THREAD_H_

#include <atomic>

namespace heapprof {

// Its id from its start to its end, when the kernel clears it; 0: there is none.
inline std::atomic<int> g_own_thread{0};

// relaxed: who asks compares ids, and reads nothing that the thread has written.
inline bool IsOwnThread(int tid) { return tid == g_own_thread.load(std::memory_order_relaxed); }
inline bool HasOwnThread() { return g_own_thread.load(std::memory_order_relaxed) != 0; }

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SYSTEM_OWN_THREAD_H_
