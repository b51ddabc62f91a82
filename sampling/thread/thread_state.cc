// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/thread_state.h"

namespace heapprof {
namespace {

thread_local ThreadState t_state __attribute__((tls_model("initial-exec")));

}  // namespace

ThreadState& CurrentThread() { return t_state; }

}  // namespace heapprof
