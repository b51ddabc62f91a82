// SPDX-License-Identifier: Apache-2.0
#include "sampling/cpu/profile_buffer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace heapprof::cpu {
namespace {

constexpr uint32_t kMaxFrames = 64;

struct Ring {
  explicit Ring(size_t capacity)
      : words(new ProfileBuffer::Word[capacity]()), buffer(words.get(), capacity) {}
  std::unique_ptr<ProfileBuffer::Word[]> words;
  ProfileBuffer buffer;
};

bool Write(ProfileBuffer* buffer, const std::vector<uintptr_t>& pcs, uint32_t weight = 1) {
  return buffer->Write(
      {12345, 7, weight, static_cast<uint32_t>(pcs.size()), Truncation::kNone, false, 99, 0, pcs.data()});
}

TEST(ProfileBuffer, RecordsComeOutAsTheyWentIn) {
  Ring ring(64);
  uintptr_t stack[] = {1, 2, 3};
  ASSERT_TRUE(ring.buffer.Write({-5, 6, 7, 3, Truncation::kInBareCode, true, 8, 11, stack}));
  ASSERT_TRUE(Write(&ring.buffer, {}));
  Record record;
  uintptr_t pcs[kMaxFrames];
  ASSERT_TRUE(ring.buffer.Read(&record, pcs, kMaxFrames));
  EXPECT_EQ(record.time, -5);
  EXPECT_EQ(record.labels, 6u);
  EXPECT_EQ(record.weight, 7u);
  EXPECT_EQ(record.hash, 8u);
  EXPECT_EQ(record.clock, 11u);
  EXPECT_EQ(record.truncated, Truncation::kInBareCode);
  EXPECT_TRUE(record.end);
  EXPECT_EQ(std::vector<uintptr_t>(pcs, pcs + record.depth), (std::vector<uintptr_t>{1, 2, 3}));
  ASSERT_TRUE(ring.buffer.Read(&record, pcs, kMaxFrames));
  EXPECT_EQ(record.depth, 0u);
  EXPECT_EQ(record.truncated, Truncation::kNone);
  EXPECT_FALSE(record.end);
  EXPECT_FALSE(ring.buffer.Read(&record, pcs, kMaxFrames));
}

TEST(ProfileBuffer, WhatDoesNotFitIsCountedByWeightAndTheRestStays) {
  Ring ring(16);
  EXPECT_TRUE(Write(&ring.buffer, {1, 2, 3}));
  EXPECT_TRUE(Write(&ring.buffer, {5, 6, 7}));
  EXPECT_FALSE(Write(&ring.buffer, {}, 3));
  EXPECT_FALSE(Write(&ring.buffer, {1}, 4));
  EXPECT_EQ(ring.buffer.lost(), 7u);
  Record record;
  uintptr_t pcs[kMaxFrames];
  ASSERT_TRUE(ring.buffer.Read(&record, pcs, kMaxFrames));
  EXPECT_EQ(pcs[2], 3u);
  EXPECT_TRUE(Write(&ring.buffer, {9}));
  ASSERT_TRUE(ring.buffer.Read(&record, pcs, kMaxFrames));
  ASSERT_TRUE(ring.buffer.Read(&record, pcs, kMaxFrames));
  EXPECT_EQ(pcs[0], 9u);
}

TEST(ProfileBuffer, RecordsWrapAround) {
  Ring ring(32);
  Record record;
  uintptr_t pcs[kMaxFrames];
  for (uintptr_t i = 0; i < 1000; ++i) {
    std::vector<uintptr_t> stack(i % 11, i);
    ASSERT_TRUE(Write(&ring.buffer, stack));
    ASSERT_TRUE(ring.buffer.Read(&record, pcs, kMaxFrames));
    ASSERT_EQ(std::vector<uintptr_t>(pcs, pcs + record.depth), stack);
  }
  EXPECT_EQ(ring.buffer.used(), 0u);
}

TEST(ProfileBuffer, FramesBeyondTheReadersRoomArePassedOver) {
  Ring ring(64);
  ASSERT_TRUE(Write(&ring.buffer, {1, 2, 3, 4, 5}));
  ASSERT_TRUE(Write(&ring.buffer, {6}));
  Record record;
  uintptr_t pcs[2];
  ASSERT_TRUE(ring.buffer.Read(&record, pcs, 2));
  EXPECT_EQ(record.depth, 2u);
  ASSERT_TRUE(ring.buffer.Read(&record, pcs, 2));
  EXPECT_EQ(pcs[0], 6u);
}

TEST(ProfileBuffer, NothingIsTornAndNothingGoesUncountedWithManyWriters) {
  Ring ring(1024);
  constexpr uintptr_t kWriters = 4, kEach = 50'000;
  std::atomic<uintptr_t> running{kWriters};
  std::vector<std::thread> writers;
  for (uintptr_t w = 0; w < kWriters; ++w) {
    writers.emplace_back([&ring, &running, w] {
      for (uintptr_t i = 0; i < kEach; ++i) {
        Write(&ring.buffer, std::vector<uintptr_t>(i % 13 + 1, w << 32 | i));
      }
      --running;
    });
  }
  uint64_t read = 0;
  std::vector<uintptr_t> last(kWriters, 0);
  Record record;
  uintptr_t pcs[kMaxFrames];
  for (bool more = true; more;) {
    more = running.load() != 0;
    while (ring.buffer.Read(&record, pcs, kMaxFrames)) {
      ++read;
      uintptr_t w = pcs[0] >> 32, i = pcs[0] & 0xffffffff;
      ASSERT_LT(w, kWriters);
      ASSERT_EQ(record.depth, i % 13 + 1);
      for (uint32_t at = 0; at < record.depth; ++at) ASSERT_EQ(pcs[at], pcs[0]);
      ASSERT_TRUE(i > last[w] || i == 0) << "a writer's records keep their order";
      last[w] = i;
    }
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(read + ring.buffer.lost(), kWriters * kEach);
}

}  // namespace
}  // namespace heapprof::cpu
