// SPDX-License-Identifier: Apache-2.0
// The lock of those who stop threads of this process, all at once or one by one.
//
// Who holds it has all signals blocked, and waits for nothing meanwhile but threads that stop: so a handler
// may take it, whatever it interrupted. Thread-safety, signal-safety: yes. Allocates: never. Lock: kStop.
#ifndef HEAPPROF_SAMPLING_STOP_STOP_LOCK_H_
#define HEAPPROF_SAMPLING_STOP_STOP_LOCK_H_

#include "base/lock/owner_lock.h"

namespace heapprof {

OwnerLock<LockRank::kStop>& StopLock();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_STOP_LOCK_H_
