// SPDX-License-Identifier: Apache-2.0
// The C functions of the profiles of waits.
#include "alloc/contention/interval.h"
#include "alloc/entry/init.h"
#include "base/system/process_copy.h"
#include "heapprof/heapprof.h"
#include "sampling/contention/contention.h"

#define HEAPPROF_API __attribute__((visibility("default")))

extern "C" {

HEAPPROF_API int heapprof_set_contention_interval(uint64_t nanos) {
  heapprof::Initialize();
  heapprof::AdoptIfCopy();
  return heapprof::SetContentionInterval(nanos);
}

HEAPPROF_API uint64_t heapprof_contention_interval(void) { return heapprof::contention::Interval(); }

}  // extern "C"
