// SPDX-License-Identifier: Apache-2.0
#include "alloc/contention/interval.h"

#include <errno.h>

#include <atomic>

#include "alloc/contention/waits.h"
#include "alloc/libc/calls.h"
#include "alloc/slots/slots.h"
#include "base/limits.h"
#include "base/text.h"
#include "sampling/contention/contention.h"

namespace heapprof {
namespace {

constexpr SlotGroup kWaits = {{WrappedLocks, WrappedWaits},
                              [] { return contention::Interval() != 0 && LibcHasThreads(); },
                              "the profiles of waits"};

}  // namespace

int SetContentionInterval(uint64_t nanos) {
  if (nanos > kMaxContentionInterval) return -EINVAL;
  if (nanos != 0 && !HasSlots()) {
    static std::atomic<bool> told{false};
    if (!told.exchange(true, std::memory_order_relaxed)) {
      Say("contention_interval is ignored: a statically linked program has no import slots to see waits by");
    }
    return -ENOTSUP;
  }
  // From one interval to another no slot changes, and from one call to the next only what has come since.
  contention::SetInterval(nanos);
  UpdateSlots(kWaits);
  return 0;
}

}  // namespace heapprof
