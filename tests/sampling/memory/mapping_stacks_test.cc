// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/mapping_stacks.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <thread>

namespace heapprof {
namespace {

constexpr uintptr_t kStart = uintptr_t{1} << 40;

__attribute__((noinline)) void Map(MappingStacks* mappings, uintptr_t start, size_t size) {
  mappings->Map(start, size, HEAPPROF_CALLER_FRAME());
}

double SecondsOf(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST(MappingStacks, KnowWhatIsLeftOfAMapping) {
  const auto mappings = std::make_unique<MappingStacks>();
  Map(mappings.get(), kStart, 4096);
  EXPECT_EQ(mappings->range_count(), 0u) << "it is not on";
  ASSERT_TRUE(mappings->Start());
  Map(mappings.get(), kStart, (5 << 12) - 100);
  const uint32_t stack = mappings->Unmap(kStart + (1 << 12), 1 << 12);
  EXPECT_GT(stack, StackCounts::kOverflow);
  EXPECT_EQ(mappings->Unmap(kStart + (3 << 12) + 1, 1 << 12), 0u) << "no page begins there";
  MappedRange ranges[4];
  ASSERT_EQ(mappings->Read(ranges, 4), 2);
  EXPECT_EQ(ranges[0].end, kStart + (1 << 12));
  EXPECT_EQ(ranges[1].start, kStart + (2 << 12));
  EXPECT_EQ(ranges[1].end, kStart + (5 << 12));
  EXPECT_EQ(ranges[1].stack, stack);
  EXPECT_GT(mappings->stacks().at(stack).depth, 1u);
  // The kernel refused.
  mappings->Restore(kStart + (1 << 12), 1 << 12, stack);
  EXPECT_EQ(mappings->Read(ranges, 4), 1);
}

// A collector has stopped it, and maps memory meanwhile: nobody waits for ever, nor each time.
TEST(MappingStacks, AHolderThatDoesNotGoOnIsWaitedForOnce) {
  const auto mappings = std::make_unique<MappingStacks>();
  ASSERT_TRUE(mappings->Start());
  Map(mappings.get(), kStart, 4096);
  std::promise<void> held, go_on;
  std::thread holder([&] {
    ASSERT_TRUE(mappings->LockForFork());
    held.set_value();
    go_on.get_future().wait();
    mappings->UnlockAfterFork(false);
  });
  held.get_future().wait();
  Map(mappings.get(), kStart + 8192, 4096);
  EXPECT_EQ(mappings->lost(), 1u);
  constexpr int kCalls = 100;
  const double seconds = SecondsOf([&] {
    for (int i = 0; i < kCalls; ++i) mappings->Unmap(kStart, 4096);
  });
  EXPECT_LT(seconds, 1) << "a second each would be a hundred";
  MappedRange ranges[4];
  EXPECT_EQ(mappings->Read(ranges, 4), -EAGAIN);
  go_on.set_value();
  holder.join();
  Map(mappings.get(), kStart + 8192, 4096);
  EXPECT_EQ(mappings->Read(ranges, 4), 2);
  EXPECT_EQ(mappings->lost(), 1u + kCalls + 1);
}

}  // namespace
}  // namespace heapprof
