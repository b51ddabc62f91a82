// SPDX-License-Identifier: Apache-2.0
#include "bench/walk_depth.h"

namespace {
volatile int g_returned;  // written behind the call, which is therefore no jump
}

__attribute__((noinline)) void CallAtDepth(int levels, void (*then)(void*), void* argument) {
  if (levels > 0) {
    CallAtDepth(levels - 1, then, argument);
  } else {
    then(argument);
  }
  g_returned = levels;
}
