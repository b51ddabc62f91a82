// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/sample_filter.h"

#include "base/lock/spinlock.h"

namespace heapprof::sample_filter {

std::atomic<uint8_t> g_of_page[1 << kLgPages];
std::atomic<uint8_t> g_of_unit[1 << kLgUnits];

namespace {

// relaxed, throughout: the way by which a block reaches whoever frees it orders.
void Change(std::atomic<uint8_t>* counter, int by) {
  uint8_t count = counter->load(std::memory_order_relaxed);
  if (IsOnlyThread()) {
    if (count != kMany) counter->store(static_cast<uint8_t>(count + by), std::memory_order_relaxed);
    return;
  }
  while (count != kMany && !counter->compare_exchange_weak(count, static_cast<uint8_t>(count + by),
                                                           std::memory_order_relaxed)) {
  }
}

}  // namespace

void Add(uintptr_t address) { Change(&CounterOf(address), 1); }

void Remove(uintptr_t address) { Change(&CounterOf(address), -1); }

}  // namespace heapprof::sample_filter
