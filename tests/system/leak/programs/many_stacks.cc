// SPDX-License-Identifier: Apache-2.0
// 4,000 leaks, each of a stack of its own: the path to each is the digits of its number, base two.
#include "tests/system/leak/programs/scenario.h"

namespace {

constexpr unsigned kLeaks = 4000, kDigits = 12;
void* volatile g_sink;

template <int kDigit>
NOINLINE void Descend(unsigned number, unsigned left) {
  if (left == 0) {
    g_sink = malloc(48);
  } else if ((number & 1) != 0) {
    Descend<1>(number >> 1, left - 1);
  } else {
    Descend<0>(number >> 1, left - 1);
  }
  asm volatile("");  // no tail call: the frame is to stay
}

NOINLINE void Deep() {
  for (unsigned i = 0; i < kLeaks; ++i) Descend<0>(i, kDigits);
  g_sink = nullptr;
}

}  // namespace

int main() {
  Deep();
  char bytes[64 << 10];
  memset(bytes, 0, sizeof bytes);
  asm volatile("" : : "r"(bytes) : "memory");
  return 0;
}
