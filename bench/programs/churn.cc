// SPDX-License-Identifier: Apache-2.0
// Small blocks of mixed sizes that live for a while: malloc and free and next to nothing else.
#include <stdlib.h>
#include <string.h>

#include <vector>

#include "bench/programs/workload.h"

int main(int argc, char** argv) {
  const uint64_t rounds = 25000000 * bench::Percent(argc, argv) / 100;
  constexpr size_t kSlots = 4096;
  std::vector<void*> slots(kSlots, nullptr);
  bench::Random random(1);
  uint64_t checksum = 0;
  for (uint64_t i = 0; i < rounds; ++i) {
    const uint64_t draw = random.Next();
    void*& slot = slots[(draw >> 40) % kSlots];
    free(slot);
    const size_t size = 8 + (draw & 0xff);
    slot = malloc(size);
    memset(slot, static_cast<int>(i), 8);
    checksum += size;
  }
  for (void* slot : slots) free(slot);
  return bench::Finish(checksum);
}
