// SPDX-License-Identifier: Apache-2.0
// base/system/own_mappings.cc with a thread switch at many of its atomic operations, so that what has to meet
// within some instructions does so in one round of a hundred. The plain one is tested in tests/leak.
#include <gtest/gtest.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace yielding {

using std::memory_order;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_seq_cst;

thread_local uint32_t t_random;

void Step() {
  t_random = t_random * 1664525 + 1013904223;
  if (t_random >> 28 == 0) sched_yield();
}

template <typename T>
class atomic {  // NOLINT: as std's
 public:
  constexpr atomic(T value = 0) : value_(value) {}  // NOLINT: as std's
  T load(memory_order order) { return Step(), value_.load(order); }
  void store(T value, memory_order order) { Step(), value_.store(value, order); }
  T fetch_add(T value, memory_order order) { return Step(), value_.fetch_add(value, order); }
  bool compare_exchange_strong(T& expected, T value, memory_order order) {
    return Step(), value_.compare_exchange_strong(expected, value, order);
  }
  bool compare_exchange_weak(T& expected, T value, memory_order order) {
    return Step(), value_.compare_exchange_weak(expected, value, order);
  }

 private:
  std::atomic<T> value_;
};

}  // namespace yielding

#define std yielding
#define heapprof heapprof_yielding
#include "base/system/own_mappings.cc"  // NOLINT(bugprone-suspicious-include)
#undef heapprof
#undef std

namespace heapprof_yielding {
namespace {

// What a thread parts from a mapping is shortened by another before it has shortened the mapping: page by
// page all are forgotten but the last, which is never missing and in one range at the end.
TEST(OwnMappings, PartsThatAreForgottenAtTheSameTimeLeaveWhatStays) {
  constexpr uintptr_t kAt = 0x200000000, kBefore = 0x300000000, kPage = 4096;
  constexpr size_t kParts = 3, kRounds = 100;
  constexpr uintptr_t kStays = kAt + 2 * kParts * kPage;
  std::atomic<size_t> arrived{0};
  const auto meet = [&arrived](size_t times) {
    arrived.fetch_add(1);
    while (arrived.load() < times * kParts) sched_yield();
  };
  size_t wrong = 0;
  std::string places;
  const auto end_round = [&] {
    std::array<AddressRange, 64> ranges;
    const size_t count = CopyOwnMappings(ranges.data(), ranges.size());
    if (count == 1 && ranges[0].start == kStays && ranges[0].end == kStays + kPage) {
      ForgetOwnMapping(kStays, kPage);
      return;
    }
    if (wrong++ == 0) places = std::to_string(count) + " ranges";
    for (size_t i = 0; i < count && i < ranges.size(); ++i) {
      if (wrong == 1) {
        places += " " + std::to_string((ranges[i].start - kAt) / kPage) + "-" +
                  std::to_string((ranges[i].end - kAt) / kPage);
      }
      ForgetOwnMapping(ranges[i].start, ranges[i].end - ranges[i].start);
    }
  };
  const auto work = [&](size_t part) {
    yielding::t_random = static_cast<uint32_t>(part * 77 + 5);
    for (size_t round = 0; round < kRounds; ++round) {
      if (part == 0) {
        // A hole before it: what is parted from it goes where the others have looked already.
        NoteOwnMapping(kBefore, kPage);
        NoteOwnMapping(kAt, kStays + kPage - kAt);
        ForgetOwnMapping(kBefore, kPage);
      }
      meet(3 * round + 1);
      ForgetOwnMapping(kAt + (2 * part + 1) * kPage, kPage);
      ForgetOwnMapping(kAt + 2 * part * kPage, kPage);
      meet(3 * round + 2);
      if (part == 0) end_round();
      meet(3 * round + 3);
    }
  };
  std::vector<std::thread> threads;
  for (size_t part = 0; part < kParts; ++part) threads.emplace_back(work, part);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u) << "rounds; in the first: " << places;
}

// The upper part goes to a hole that the copy may have passed.
TEST(OwnMappings, ACopyHasWhatStaysOfAMappingThatIsParted) {
  constexpr uintptr_t kAt = 0x200000000, kBefore = 0x300000000, kPage = 4096, kStays = kAt + 2 * kPage;
  constexpr size_t kRounds = 1000;
  std::atomic<size_t> arrived{0};
  const auto meet = [&arrived](size_t times) {
    arrived.fetch_add(1);
    while (arrived.load() < 2 * times) sched_yield();
  };
  std::thread other([&] {
    yielding::t_random = 3;
    for (size_t round = 0; round < kRounds; ++round) {
      meet(2 * round + 1);
      ForgetOwnMapping(kAt + kPage, kPage);
      meet(2 * round + 2);
    }
  });
  size_t missing = 0;
  for (size_t round = 0; round < kRounds; ++round) {
    NoteOwnMapping(kBefore, kPage);
    NoteOwnMapping(kAt, 3 * kPage);
    ForgetOwnMapping(kBefore, kPage);
    meet(2 * round + 1);
    std::array<AddressRange, 8> ranges;
    const size_t count = CopyOwnMappings(ranges.data(), ranges.size());
    bool found = false;
    for (size_t i = 0; i < count; ++i) found |= ranges[i].start <= kStays && ranges[i].end > kStays;
    missing += found ? 0 : 1;
    meet(2 * round + 2);
    ForgetOwnMapping(kAt, 3 * kPage);
  }
  other.join();
  EXPECT_EQ(missing, 0u);
}

}  // namespace
}  // namespace heapprof_yielding
