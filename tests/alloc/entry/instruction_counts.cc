// SPDX-License-Identifier: Apache-2.0
// Counts the instructions of calls of the allocator, by single steps: each raises a signal whose handler
// counts. Prints the median of each kind of call.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

constexpr int kCalls = 15, kFrames = 20;
volatile long g_steps;
void* volatile g_block;
volatile int g_returned;  // written behind a call, which is therefore no jump

// The trap flag is the processor's, and the handler's return sets it again.
__attribute__((always_inline)) inline void BeginSteps() {
  asm volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
}
__attribute__((always_inline)) inline void EndSteps() {
  asm volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
}

__attribute__((noinline)) void Nothing(void*) {}
__attribute__((noinline)) void Free(void* block) { free(block); }
__attribute__((noinline)) void Malloc(void* size) { g_block = malloc(reinterpret_cast<uintptr_t>(size)); }

// Calls, and has so no red zone below its stack pointer, where the flags are pushed.
__attribute__((noinline)) long StepsOf(void (*call)(void*), void* argument) {
  g_steps = 0;
  BeginSteps();
  call(argument);
  EndSteps();
  return g_steps;
}

long Median(std::vector<long> counts) {
  std::nth_element(counts.begin(), counts.begin() + kCalls / 2, counts.end());
  return counts[kCalls / 2];
}

// Blocks of `size` bytes that are aligned to at least `alignment` and were not just allocated: frees of them,
// one after another, with some allocations between so that the thread's cache has room.
long FreesOf(size_t size, size_t alignment) {
  std::vector<void*> blocks, others;
  blocks.reserve(kCalls);
  while (blocks.size() < kCalls) {
    void* block = malloc(size);
    if (reinterpret_cast<uintptr_t>(block) % alignment == 0) {
      blocks.push_back(block);
    } else {
      others.push_back(block);
    }
  }
  std::vector<long> counts;
  for (void* block : blocks) {
    void* other = malloc(size);
    counts.push_back(StepsOf(Free, block));
    others.push_back(other);
  }
  for (void* block : others) free(block);
  return Median(counts);
}

__attribute__((noinline)) void AtDepth(int frames, void (*call)()) {
  if (frames > 0) {
    AtDepth(frames - 1, call);
  } else {
    call();
  }
  g_returned = frames;
}

long g_malloc, g_free;

// A block that is allocated and freed from the same stack over and over, where each is a sample.
void CountPairs() {
  std::vector<long> mallocs, frees;
  for (int i = 0; i < kCalls; ++i) {
    mallocs.push_back(StepsOf(Malloc, reinterpret_cast<void*>(48)));
    frees.push_back(StepsOf(Free, g_block));
  }
  g_malloc = Median(mallocs);
  g_free = Median(frees);
}

}  // namespace

int main() {
  struct sigaction action = {};
  action.sa_handler = [](int) { g_steps = g_steps + 1; };
  if (sigaction(SIGTRAP, &action, nullptr) != 0) return 1;
  const long nothing = StepsOf(Nothing, nullptr);
  AtDepth(kFrames, CountPairs);
  printf("malloc %ld\nfree %ld\n", g_malloc - nothing, g_free - nothing);
  printf("free_aligned_to_256 %ld\n", FreesOf(256, 256) - nothing);
  printf("free_aligned_to_4096 %ld\n", FreesOf(4096, 4096) - nothing);
  return 0;
}
