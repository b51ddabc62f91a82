// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/step/return_address.h"

#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <vector>

namespace heapprof::unwind {
namespace {

bool IsCall(std::vector<unsigned char> bytes) {
  bytes.insert(bytes.begin(), 8, 0x90);
  return EndsWithCall(bytes.data() + bytes.size(), bytes.size());
}

TEST(ReturnAddressTest, EveryFormOfACall) {
  EXPECT_TRUE(IsCall({0xe8, 1, 2, 3, 4}));              // call rel32
  EXPECT_TRUE(IsCall({0xff, 0xd0}));                    // call *%rax
  EXPECT_TRUE(IsCall({0x41, 0xff, 0xd4}));              // call *%r12
  EXPECT_TRUE(IsCall({0xff, 0x10}));                    // call *(%rax)
  EXPECT_TRUE(IsCall({0xff, 0x14, 0xc8}));              // call *(%rax,%rcx,8)
  EXPECT_TRUE(IsCall({0xff, 0x50, 0x18}));              // call *24(%rax)
  EXPECT_TRUE(IsCall({0xff, 0x54, 0x24, 0x08}));        // call *8(%rsp)
  EXPECT_TRUE(IsCall({0xff, 0x15, 1, 2, 3, 4}));        // call *n(%rip)
  EXPECT_TRUE(IsCall({0xff, 0x90, 1, 2, 3, 4}));        // call *n(%rax)
  EXPECT_TRUE(IsCall({0xff, 0x94, 0x24, 1, 2, 3, 4}));  // call *n(%rsp)
  EXPECT_TRUE(IsCall({0xff, 0x14, 0x25, 1, 2, 3, 4}));  // call *n
}

TEST(ReturnAddressTest, WhatIsNoCall) {
  EXPECT_FALSE(IsCall({}));
  EXPECT_FALSE(IsCall({0xc3}));              // ret
  EXPECT_FALSE(IsCall({0xe8, 1, 2, 3}));     // cut off
  EXPECT_FALSE(IsCall({0xe9, 1, 2, 3, 4}));  // jmp
  EXPECT_FALSE(IsCall({0xff, 0xe0}));        // jmp *%rax
  EXPECT_FALSE(IsCall({0xff, 0x15, 1, 2}));  // the displacement is missing
  EXPECT_FALSE(IsCall({0xff, 0x10, 0x90}));  // another instruction behind it
  EXPECT_FALSE(EndsWithCall(nullptr, 0));
}

class Pages : public testing::Test {
 protected:
  unsigned char* Map(int protection) {
    memory_ = static_cast<unsigned char*>(
        mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(memory_, 0x90, kSize);
    memcpy(memory_ + kCall - 5, "\xe8\1\2\3\4", 5);
    EXPECT_EQ(mprotect(memory_, kSize, protection), 0);
    return memory_;
  }
  // Stays mapped: what was found out about these pages is remembered, and the next test has others.
  void TearDown() override { mprotect(memory_, kSize, PROT_NONE); }
  static constexpr size_t kSize = 8192, kCall = 100, kNoCall = 5000;
  unsigned char* memory_ = nullptr;
};

// A JIT may put an address on the stack that no call did.
TEST_F(Pages, CodeOfAJitIsReturnedToAnywhere) {
  const auto at = reinterpret_cast<uintptr_t>(Map(PROT_READ | PROT_EXEC));
  EXPECT_TRUE(MayReturnTo(at + kCall));
  EXPECT_TRUE(MayReturnTo(at + kNoCall));
}

TEST_F(Pages, DataIsNoCode) {
  const auto at = reinterpret_cast<uintptr_t>(Map(PROT_READ | PROT_WRITE));
  for (int round = 0; round < 3; ++round) EXPECT_FALSE(MayReturnTo(at + kNoCall + 1));
  ASSERT_EQ(mprotect(memory_, kSize, PROT_NONE), 0);
  EXPECT_FALSE(MayReturnTo(at + kCall + 1));
  EXPECT_FALSE(MayReturnTo(65536));
  // Known data: what is before a variable, an address perhaps, can look like a call.
  static const unsigned char zeros[64] = {};
  EXPECT_FALSE(MayReturnTo(reinterpret_cast<uintptr_t>(zeros + 32)));
}

void Compiled() {}

int64_t CpuNanos() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

// Code without tables that keeps no frame pointer: any word may look like a return address.
TEST_F(Pages, ManyPagesOfDataCostLittle) {
  constexpr size_t kPages = 4000, kPage = 4096;
  auto* data = static_cast<unsigned char*>(
      mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(data, MAP_FAILED);
  memset(data, 0x90, kPages * kPage);
  const auto at = reinterpret_cast<uintptr_t>(data);
  const auto code = reinterpret_cast<uintptr_t>(Map(PROT_READ | PROT_EXEC));
  EXPECT_TRUE(MayReturnTo(code + kNoCall + 1));
  const int64_t begin = CpuNanos();
  for (size_t i = 0; i < kPages; ++i) EXPECT_FALSE(MayReturnTo(at + kNoCall));
  const int64_t middle = CpuNanos();
  for (size_t i = 0; i < kPages; ++i) EXPECT_FALSE(MayReturnTo(at + i * kPage + 100));
  const int64_t end = CpuNanos();
  EXPECT_LT(end - middle, 20 * (middle - begin));
  munmap(data, kPages * kPage);
  // Code that was seen to be such stays it.
  EXPECT_TRUE(MayReturnTo(code + kNoCall + 2));
  EXPECT_TRUE(MayReturnTo(code + kNoCall));
  // Soon other code that no call returns to is looked for again.
  const auto other = reinterpret_cast<uintptr_t>(Map(PROT_READ | PROT_EXEC));
  int turns = 0;
  while (!MayReturnTo(other + kNoCall) && turns < 10'000'000) ++turns;
  EXPECT_LT(turns, 10'000'000);
}

TEST(ReturnAddressTest, ACompiledFunctionIsReturnedToBehindACall) {
  EXPECT_TRUE(MayReturnTo(reinterpret_cast<uintptr_t>(__builtin_return_address(0))));
  EXPECT_FALSE(MayReturnTo(reinterpret_cast<uintptr_t>(&Compiled) + 1));
}

TEST(ReturnAddressTest, ReturnsFromSignals) {
  auto is_sigreturn = [](std::vector<unsigned char> code) {
    code.resize(32, 0x90);
    return CallsSigreturn(reinterpret_cast<uintptr_t>(code.data()));
  };
  EXPECT_TRUE(is_sigreturn({0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05}));
  EXPECT_TRUE(is_sigreturn({0xb8, 15, 0, 0, 0, 0x0f, 0x05}));
  EXPECT_TRUE(is_sigreturn({0x6a, 15, 0x58, 0x0f, 0x05}));
  EXPECT_FALSE(is_sigreturn({0xb8, 14, 0, 0, 0, 0x0f, 0x05}));
  EXPECT_FALSE(is_sigreturn({0xb8, 15, 0, 0, 0, 0x90, 0x90}));
  EXPECT_FALSE(CallsSigreturn(0));
}

}  // namespace
}  // namespace heapprof::unwind
