// SPDX-License-Identifier: Apache-2.0
// The least time of a pair of malloc and free, in nanoseconds, in four loops that do nothing else: an
// allocator's way to a block that it has at hand. Prints a name and a figure a line. Least, as a shared
// machine only ever adds.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <new>

#include "bench/programs/workload.h"

namespace {

constexpr int kPairs = 1 << 20, kTimes = 60, kSlots = 1024;

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Keeps the compiler from leaving a pair out.
void Use(void* block) { asm volatile("" : : "r"(block) : "memory"); }

void OneBlock() {
  for (int i = 0; i < kPairs; ++i) {
    void* block = malloc(32);
    Use(block);
    free(block);
  }
}

void MixedSizes() {
  static void* slots[kSlots];
  static bench::Random random(1);
  for (int i = 0; i < kPairs; ++i) {
    const uint64_t draw = random.Next();
    void*& slot = slots[(draw >> 40) % kSlots];
    free(slot);
    slot = malloc(16 + (draw & 0xff));
  }
}

void ManyInTurn() {
  static void* slots[kSlots];
  for (int i = 0; i < kPairs / kSlots; ++i) {
    for (void*& slot : slots) slot = malloc(40);
    Use(slots);
    for (void* slot : slots) free(slot);
  }
}

void NewAndSizedDelete() {
  for (int i = 0; i < kPairs; ++i) {
    void* block = ::operator new(48);
    Use(block);
    ::operator delete(block, 48);
  }
}

void Measure(const char* name, void (*loop)()) {
  double least = 1e9;
  for (int i = 0; i < kTimes; ++i) {
    const double start = CpuSeconds();
    loop();
    least = std::min(least, CpuSeconds() - start);
  }
  printf("%-24s %6.2f\n", name, least / kPairs * 1e9);
}

}  // namespace

int main() {
  Measure("one block", OneBlock);
  Measure("mixed sizes", MixedSizes);
  Measure("a thousand in turn", ManyInTurn);
  Measure("new and sized delete", NewAndSizedDelete);
}
