// SPDX-License-Identifier: Apache-2.0
#include "leak/quarantine.h"

#include <gtest/gtest.h>

#include <vector>

namespace heapprof {
namespace {

// Made-up blocks, whose size is what their address says.
class Quarantine : public testing::Test {
 protected:
  static size_t SizeOf(void* block) { return reinterpret_cast<uintptr_t>(block) >> 32; }
  void* Block(size_t size) { return reinterpret_cast<void*>((size << 32) + ++made_); }
  void Keep(void* block) {
    quarantine::Keep(block, SizeOf, [this](void* old) { released_.push_back(old); });
  }
  void SetUp() override { quarantine::SwitchOn(); }
  void TearDown() override {
    quarantine::TakeOut([](void*) { return true; }, SizeOf, [this](void* old) { released_.push_back(old); });
    quarantine::g_on.store(false);
    EXPECT_EQ(quarantine::g_bytes.load(), 0u);
    EXPECT_EQ(released_.size(), made_);
  }
  size_t made_ = 0;
  std::vector<void*> released_;
};

TEST_F(Quarantine, HoldsSoManyBytesOfTheLastBlocks) {
  constexpr size_t kSize = quarantine::kLargest, kHeld = quarantine::kBytes / kSize;
  std::vector<void*> blocks;
  for (int i = 0; i < 100; ++i) {
    Keep(blocks.emplace_back(Block(kSize)));
    EXPECT_LE(quarantine::g_bytes.load(), quarantine::kBytes);
  }
  blocks.resize(100 - kHeld);
  EXPECT_EQ(released_, blocks);  // the oldest first
}

TEST_F(Quarantine, HoldsSoManyBlocks) {
  std::vector<void*> blocks;
  for (size_t i = 0; i < quarantine::kBlocks + 50; ++i) Keep(blocks.emplace_back(Block(16)));
  blocks.resize(50);
  EXPECT_EQ(released_, blocks);
  Keep(Block(quarantine::kLargest));
  EXPECT_EQ(released_.size(), 51u);
}

TEST_F(Quarantine, LetsLargeBlocksGo) {
  void* small = Block(100);
  Keep(small);
  void* large = Block(quarantine::kLargest + 1);
  Keep(large);
  EXPECT_EQ(released_, std::vector<void*>{large});
}

TEST_F(Quarantine, MakesRoomForALargeBlockByManySmallOnes) {
  for (size_t i = 0; i < 4000; ++i) Keep(Block(4096));
  EXPECT_TRUE(released_.empty());
  Keep(Block(quarantine::kLargest));
  EXPECT_GT(released_.size(), 100u);
  EXPECT_LE(quarantine::g_bytes.load(), quarantine::kBytes);
}

}  // namespace
}  // namespace heapprof
