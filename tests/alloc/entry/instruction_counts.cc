// SPDX-License-Identifier: Apache-2.0
// Counts the instructions of calls of the allocator, by single steps: each raises a signal whose handler
// counts. Prints the median of each kind of call; and how many of the instructions are locked, in a thread
// that is alone and in one that is not.
#include <malloc.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <thread>
#include <vector>

namespace {

constexpr int kCalls = 15, kFrames = 20;
volatile long g_steps, g_locked;
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

// Whether the instruction has the prefix, or is an exchange with memory, which needs none.
bool IsLocked(const uint8_t* at) {
  constexpr uint8_t kLock = 0xf0, kExchangeBytes = 0x86, kExchange = 0x87, kRegisters = 0xc0;
  for (;; ++at) {
    if (*at == kLock) return true;
    const bool is_prefix = *at == 0x66 || *at == 0x64 || *at == 0x65 || *at == 0xf2 || *at == 0xf3;
    if (!is_prefix && (*at & 0xf0) != 0x40) break;
  }
  return (at[0] == kExchangeBytes || at[0] == kExchange) && (at[1] & kRegisters) != kRegisters;
}

void Count(int, siginfo_t*, void* context) {
  const greg_t next = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
  g_steps = g_steps + 1;
  if (IsLocked(reinterpret_cast<const uint8_t*>(next))) g_locked = g_locked + 1;
}

// Calls, and has so no red zone below its stack pointer, where the flags are pushed.
__attribute__((noinline)) long StepsOf(void (*call)(void*), void* argument) {
  g_steps = g_locked = 0;
  BeginSteps();
  call(argument);
  EndSteps();
  return g_steps;
}

long Median(std::vector<long> counts) {
  std::nth_element(counts.begin(), counts.begin() + kCalls / 2, counts.end());
  return counts[kCalls / 2];
}

// Calls with one size, or from one to the other, where the thread's cache has a block and room for one.
__attribute__((noinline)) void Calloc(void* size) { g_block = calloc(1, reinterpret_cast<uintptr_t>(size)); }
__attribute__((noinline)) void Align(void* size) {
  g_block = aligned_alloc(64, reinterpret_cast<uintptr_t>(size));
}
__attribute__((noinline)) void Realloc(void* size) {
  g_block = realloc(g_block, reinterpret_cast<uintptr_t>(size));
}
__attribute__((noinline)) void New(void* size) {
  g_block = ::operator new(reinterpret_cast<uintptr_t>(size), std::nothrow);
}
__attribute__((noinline)) void Usable(void* block) {
  g_block = reinterpret_cast<void*>(malloc_usable_size(block));
}

long MedianOf(void (*call)(void*), size_t size, size_t before) {
  std::vector<long> counts;
  for (int i = 0; i < kCalls; ++i) {
    void* blocks[3];
    for (void*& block : blocks) block = malloc(size);
    // Two of them, as the first of a slab looks like a sample.
    void* passed = malloc(before);
    g_block = malloc(before);
    void* own = g_block;
    for (void* block : blocks) free(block);
    void* argument = call == Usable || call == Free ? own : reinterpret_cast<void*>(size);
    counts.push_back(StepsOf(call, argument));
    if (call == Calloc || call == Align || call == New || call == Malloc || call == Usable) free(own);
    if (call != Usable && call != Free) free(g_block);
    free(passed);
  }
  return Median(counts);
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

long g_malloc, g_free, g_malloc_locked, g_free_locked;

// A block that is allocated and freed from the same stack over and over, where each is a sample.
void CountPairs() {
  std::vector<long> mallocs, frees, malloc_locked, free_locked;
  for (int i = 0; i < kCalls; ++i) {
    mallocs.push_back(StepsOf(Malloc, reinterpret_cast<void*>(48)));
    malloc_locked.push_back(long{g_locked});
    frees.push_back(StepsOf(Free, g_block));
    free_locked.push_back(long{g_locked});
  }
  g_malloc = Median(mallocs);
  g_free = Median(frees);
  g_malloc_locked = Median(malloc_locked);
  g_free_locked = Median(free_locked);
}

}  // namespace

int main() {
  struct sigaction action = {};
  action.sa_sigaction = Count;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGTRAP, &action, nullptr) != 0) return 1;
  const long nothing = StepsOf(Nothing, nullptr);
  AtDepth(kFrames, CountPairs);
  printf("malloc %ld\nfree %ld\n", g_malloc - nothing, g_free - nothing);
  printf("locked_of_malloc %ld\nlocked_of_free %ld\n", g_malloc_locked, g_free_locked);
  printf("free_aligned_to_256 %ld\n", FreesOf(256, 256) - nothing);
  printf("free_aligned_to_4096 %ld\n", FreesOf(4096, 4096) - nothing);
  printf("free_of_null %ld\n", StepsOf(Free, nullptr) - nothing);
  struct {
    const char* name;
    void (*call)(void*);
    size_t size, before;
  } constexpr kKinds[] = {
      {"malloc_of_8000", Malloc, 8000, 8},      {"malloc_of_20000", Malloc, 20000, 8},
      {"free_of_20000", Free, 20000, 20000},    {"calloc_of_100", Calloc, 100, 8},
      {"aligned_alloc_of_100", Align, 100, 8},  {"new_nothrow_of_100", New, 100, 8},
      {"realloc_of_90_to_95", Realloc, 95, 90}, {"realloc_of_60_to_120", Realloc, 120, 60},
      {"usable_size_of_100", Usable, 100, 100},
  };
  for (const auto& kind : kKinds)
    printf("%s %ld\n", kind.name, MedianOf(kind.call, kind.size, kind.before) - nothing);
  sem_t end;
  if (sem_init(&end, 0, 0) != 0) return 1;
  std::thread other([&end] {
    while (sem_wait(&end) != 0) {
    }
  });
  AtDepth(kFrames, CountPairs);
  printf("beside_threads_locked_of_malloc %ld\n", g_malloc_locked);
  printf("beside_threads_locked_of_free %ld\n", g_free_locked);
  sem_post(&end);
  other.join();
  return 0;
}
