// SPDX-License-Identifier: Apache-2.0
// Calls that the thread's cache can answer, at the edges of what is answered in line: size classes,
// jemalloc's events and counts, a changed interval, and what a realloc that moves a block does in which
// order.
#include <errno.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <new>
#include <string>
#include <vector>

#include "alloc/backend/jemalloc_bins.h"
#include "heapprof/heapprof.h"
#include "tests/alloc/jemalloc_interface.h"
#if defined(__x86_64__)
#include "tests/support/single_steps.h"
#endif

namespace heapprof::test {
namespace {

// Of so many bytes a thread's cache has blocks.
constexpr size_t kLargestCached = 32768;
constexpr size_t kAlignment = 16;

enum Kind { kMalloc, kCalloc, kAligned, kMemalign, kPosix, kRealloc, kNew, kNothrow, kAlignedNew, kKinds };

void* Allocate(int kind, size_t size, size_t alignment = kAlignment) {
  void* block = nullptr;
  switch (kind) {
    case kMalloc:
      return malloc(size);
    case kCalloc:
      return calloc(1, size);
    case kAligned:
      return aligned_alloc(alignment, size);
    case kMemalign:
      return memalign(alignment, size);
    case kPosix:
      EXPECT_EQ(posix_memalign(&block, alignment, size), 0);
      return block;
    case kRealloc:
      return realloc(malloc(40), size);
    case kNew:
      return ::operator new(size);
    case kNothrow:
      return ::operator new(size, std::nothrow);
    default:
      return ::operator new (size, std::align_val_t{alignment});
  }
}

void Free(int kind, void* block, size_t size) {
  if (kind == kNew || kind == kNothrow) return ::operator delete(block, size);
  if (kind == kAlignedNew) return ::operator delete (block, size, std::align_val_t{kAlignment});
  free(block);
}

// Nothing is a sample, so that all is in line that can be.
class InLineTest : public testing::Test {
 protected:
  InLineTest() : before_(heapprof_sample_interval()) { heapprof_set_sample_interval(0); }
  ~InLineTest() override { heapprof_set_sample_interval(before_); }

 private:
  size_t before_;
};

uint64_t Samples() {
  struct heapprof_stats stats = {};
  stats.size = sizeof stats;
  EXPECT_EQ(heapprof_stats(&stats), 0);
  return stats.samples;
}

TEST_F(InLineTest, EachSizeIsOfTheClassThatJemallocGivesIt) {
  for (size_t largest = 1; largest <= kLargestCached + 8192; largest = nallocx(largest + 1, 0)) {
    for (size_t size : {largest - 1, largest, largest + 1}) {
      if (size == 0) continue;
      for (int kind = 0; kind < kKinds; ++kind) {
        const bool aligns = kind == kAligned || kind == kMemalign || kind == kAlignedNew || kind == kPosix;
        const size_t usable = nallocx(aligns && size < kAlignment ? kAlignment : size, 0);
        // The caches of this class and of the next one have blocks, so that neither is out of the ordinary.
        void* cached[6];
        for (int i = 0; i < 6; ++i) cached[i] = malloc(i % 2 == 0 ? usable : usable + 1);
        for (void* block : cached) free(block);
        void* block = Allocate(kind, size);
        ASSERT_EQ(malloc_usable_size(block), usable) << size << ", kind " << kind;
        memset(block, 1, usable);
        Free(kind, block, size);
        // What was freed went to its own class: who asks for more is not given it.
        void* larger[3];
        for (void*& other : larger) {
          other = malloc(usable + 1);
          ASSERT_GT(malloc_usable_size(other), usable) << size << ", kind " << kind;
        }
        for (void* other : larger) free(other);
        void* one = malloc(usable);
        ASSERT_EQ(malloc_usable_size(one), usable) << size << ", kind " << kind;
        free(one);
      }
    }
  }
}

// The thread's counts of bytes, each followed by the count at which the next event is due (jemalloc_bins.h):
// after a call neither has got there.
TEST_F(InLineTest, NoCallPassesOneOfJemallocsEvents) {
  uint64_t* counts = nullptr;
  size_t length = sizeof counts;
  ASSERT_EQ(mallctl("thread.allocatedp", &counts, &length, nullptr, 0), 0);
  for (size_t size : {size_t{48}, size_t{4096}}) {
    for (int kind = 0; kind < kKinds; ++kind) {
      for (int i = 0; i < 3000; ++i) {
        void* block = Allocate(kind, size);
        ASSERT_LT(counts[0], counts[1]) << size << ", kind " << kind;
        block = realloc(block, size - 1);  // stays
        ASSERT_LT(counts[0], counts[1]) << size;
        ASSERT_LT(counts[2], counts[3]) << size;
        block = realloc(block, i % 2 == 0 ? size * 2 : size / 2);
        ASSERT_LT(counts[0], counts[1]) << size;
        ASSERT_LT(counts[2], counts[3]) << size;
        free(block);
        ASSERT_LT(counts[2], counts[3]) << size;
      }
    }
  }
}

uint64_t RequestsOfClass(unsigned arena, unsigned bin) {
  EXPECT_EQ(mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0), 0);
  uint64_t epoch = 1, requests = 0;
  size_t length = sizeof epoch;
  EXPECT_EQ(mallctl("epoch", &epoch, &length, &epoch, length), 0);
  const std::string name =
      "stats.arenas." + std::to_string(arena) + ".bins." + std::to_string(bin) + ".nrequests";
  EXPECT_EQ(mallctl(name.c_str(), &requests, &length, nullptr, 0), 0);
  return requests;
}

TEST_F(InLineTest, EachCallIsARequestInJemallocsStatistics) {
  constexpr size_t kSize = 640;
  unsigned bin = 0;
  for (size_t size = 0, length = sizeof size; size != kSize; ++bin) {
    const std::string name = "arenas.bin." + std::to_string(bin) + ".size";
    ASSERT_EQ(mallctl(name.c_str(), &size, &length, nullptr, 0), 0);
  }
  --bin;
  ThreadInNewArena arena;
  unsigned own = 0;
  size_t length = sizeof own;
  ASSERT_EQ(mallctl("thread.arena", &own, &length, nullptr, 0), 0);
  for (int kind = 0; kind < kKinds; ++kind) {
    constexpr uint64_t kCalls = 200;
    const uint64_t before = RequestsOfClass(own, bin);
    for (uint64_t i = 0; i < kCalls; ++i) Free(kind, Allocate(kind, kSize), kSize);
    EXPECT_EQ(RequestsOfClass(own, bin) - before, kCalls) << "kind " << kind;
  }
}

TEST_F(InLineTest, AChangedIntervalHoldsFromTheNextCallOn) {
  for (int kind = 0; kind < kKinds; ++kind) {
    heapprof_set_sample_interval(size_t{1} << 40);
    for (int i = 0; i < 3; ++i) Free(kind, Allocate(kind, 100), 100);  // a countdown of that
    heapprof_set_sample_interval(1);
    for (int i = 0; i < 2; ++i) {
      const uint64_t before = Samples();
      void* block = Allocate(kind, 100);
      EXPECT_EQ(Samples() - before, kind == kRealloc ? 2u : 1u) << "kind " << kind;
      Free(kind, block, 100);
    }
  }
  for (size_t size : {101, 200}) {  // of the same class, and moved
    heapprof_set_sample_interval(size_t{1} << 40);
    free(malloc(size));
    void* block = malloc(100);
    heapprof_set_sample_interval(1);
    const uint64_t before = Samples();
    block = realloc(block, size);
    EXPECT_EQ(Samples() - before, 1u) << size;
    free(block);
  }
}

TEST_F(InLineTest, AMovedBlockIsGivenBack) {
  for (size_t size : {8, 16, 32, 64, 128, 3072}) {
    int reused = 0;
    for (int i = 0; i < 1000; ++i) {
      void* block = malloc(size);
      void* moved = realloc(block, size * 3 / 2 + 1);
      void* next = malloc(size);
      reused += next == block;
      free(moved);
      free(next);
    }
    EXPECT_GT(reused, 900) << size;  // all but those where jemalloc had collected the bin
  }
}

// Only what the block had is copied, nothing of what lies behind it.
TEST_F(InLineTest, AMovedBlockBringsNothingOfItsNeighbours) {
  for (size_t size : {8, 16, 32, 48, 64, 128, 1024, 5120}) {
    const size_t larger = nallocx(size * 2, 0);
    std::vector<unsigned char*> blocks(64), cached(64);
    for (auto& block : blocks) block = static_cast<unsigned char*>(memset(malloc(size), 0xee, size));
    for (auto& block : cached) block = static_cast<unsigned char*>(memset(malloc(larger), 0x11, larger));
    for (auto& block : cached) free(block);
    for (int i = 0; i < 8; ++i) {
      auto* moved = static_cast<unsigned char*>(realloc(blocks[i], larger));
      for (size_t k = 0; k < larger; ++k) ASSERT_EQ(moved[k] == 0xee, k < size) << size << ", " << k;
      blocks[i] = moved;
    }
    for (auto& block : blocks) free(block);
  }
}

struct First {
  void* block;
  size_t usable;
};

// A thread that knows no page yet.
TEST_F(InLineTest, ABlockOfAnotherThreadMayBeTheFirstThatAThreadSees) {
  const auto in_thread = [](void* (*function)(void*), First* first) {
    pthread_t thread;
    ASSERT_EQ(pthread_create(&thread, nullptr, function, first), 0);
    ASSERT_EQ(pthread_join(thread, nullptr), 0);
  };
  First first = {malloc(100), 0};
  memset(first.block, 7, 100);
  in_thread(
      [](void* argument) -> void* {
        auto* seen = static_cast<First*>(argument);
        seen->usable = malloc_usable_size(seen->block);
        return nullptr;
      },
      &first);
  EXPECT_EQ(first.usable, 112u);
  in_thread(
      [](void* argument) -> void* {
        auto* seen = static_cast<First*>(argument);
        seen->block = realloc(seen->block, 200);
        return nullptr;
      },
      &first);
  EXPECT_EQ(static_cast<char*>(first.block)[99], 7);
  EXPECT_EQ(malloc_usable_size(first.block), 224u);
  free(first.block);
}

TEST_F(InLineTest, ErrorsAreTold) {
  for (int warm = 0; warm < 3; ++warm) free(malloc(100));
  errno = 77;
  const volatile size_t no_power = 24;  // clang refuses one that it sees
  EXPECT_EQ(aligned_alloc(no_power, 100), nullptr);
  EXPECT_EQ(errno, EINVAL);
  void* const untouched = &errno;
  void* block = untouched;
  errno = 77;
  EXPECT_EQ(posix_memalign(&block, no_power, 100), EINVAL);
  EXPECT_EQ(posix_memalign(&block, 4, 100), EINVAL);
  EXPECT_EQ(posix_memalign(&block, 64, SIZE_MAX / 2 + 2), ENOMEM);
  EXPECT_EQ(block, untouched);
  EXPECT_EQ(errno, 77);
  block = calloc(1, 100);
  block = realloc(block, 200);
  free(block);
  EXPECT_EQ(errno, 77);
}

#if defined(__x86_64__)

struct Move {
  size_t size;
  const void *from, *to;
  void* const* const* top;  // of the bin that `from` goes to
  volatile int steps, early;
};
Move g_move;

// Whether the old block can be taken, and the new one has not its contents yet.
void LookAtMove(int) {
  g_move.steps = g_move.steps + 1;
  if (**g_move.top == g_move.from && memcmp(g_move.to, g_move.from, g_move.size) != 0)
    g_move.early = g_move.early + 1;
}

// A signal handler that allocates may interrupt the copy, at each instruction of it.
TEST_F(InLineTest, AMovedBlockIsCopiedBeforeItCanBeTaken) {
  struct sigaction action = {}, before = {};
  action.sa_handler = LookAtMove;
  ASSERT_EQ(sigaction(SIGTRAP, &action, &before), 0);
  uint64_t* counts = nullptr;
  size_t length = sizeof counts;
  ASSERT_EQ(mallctl("thread.allocatedp", &counts, &length, nullptr, 0), 0);
  const auto* record = reinterpret_cast<const char*>(counts) - JE_ALLOCATED;
  int index = 0;
  for (size_t usable = 8; usable <= 4096; usable = nallocx(usable + 1, 0), ++index) {
    void* others[4];
    for (void*& other : others) other = malloc(usable * 2);
    auto* block = static_cast<unsigned char*>(malloc(usable));
    memset(block, 0x5a, usable);
    for (void* other : others) free(memset(other, 0, usable * 2));
    g_move = {
        usable,    block,
        others[3], reinterpret_cast<void* const* const*>(record + JE_BINS + JE_BIN_SIZE * index + JE_BIN_TOP),
        0,         0};
    TrapOn();
    void* moved = realloc(block, usable * 2);
    TrapOff();
    EXPECT_EQ(moved, others[3]) << usable;
    EXPECT_GT(g_move.steps, 40) << usable;
    EXPECT_EQ(g_move.early, 0) << usable;
    EXPECT_EQ(**g_move.top, g_move.from) << usable;
    free(moved);
  }
  ASSERT_EQ(sigaction(SIGTRAP, &before, nullptr), 0);
}

#endif

}  // namespace
}  // namespace heapprof::test
