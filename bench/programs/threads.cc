// SPDX-License-Identifier: Apache-2.0
// Blocks handed from thread to thread, as in a server: each thread replaces blocks that another allocated.
#include <stdlib.h>

#include <atomic>
#include <thread>
#include <vector>

#include "bench/programs/workload.h"

namespace {

constexpr size_t kSlots = 1 << 14;
std::atomic<void*> g_slots[kSlots];

void Work(uint64_t seed, uint64_t rounds, std::atomic<uint64_t>* checksum) {
  bench::Random random(seed);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < rounds; ++i) {
    const size_t size = 16 + random.Below(496);
    auto* block = static_cast<unsigned char*>(malloc(size));
    block[0] = static_cast<unsigned char>(size);
    sum += size;
    free(g_slots[random.Below(kSlots)].exchange(block, std::memory_order_acq_rel));
  }
  checksum->fetch_add(sum, std::memory_order_relaxed);
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t rounds = 4000000 * bench::Percent(argc, argv) / 100;
  std::atomic<uint64_t> checksum{0};
  std::vector<std::thread> threads;
  for (uint64_t i = 1; i <= 2; ++i) threads.emplace_back(Work, i, rounds, &checksum);
  for (std::thread& thread : threads) thread.join();
  for (std::atomic<void*>& slot : g_slots) free(slot.load(std::memory_order_relaxed));
  return bench::Finish(checksum.load());
}
