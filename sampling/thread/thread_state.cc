// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/thread_state.h"

namespace heapprof {

__thread ThreadState t_thread_state __attribute__((tls_model("initial-exec")));

}  // namespace heapprof
