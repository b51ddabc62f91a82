// SPDX-License-Identifier: Apache-2.0
// What of aarch64's code a walk reads: calls, a handler's return, code without tables, call frame
// instructions.
#include <gtest/gtest.h>
#include <string.h>

#include <vector>

#include "sampling/unwind/bare_code.h"
#include "sampling/unwind/cfi/cfi_program.h"
#include "sampling/unwind/step/return_address.h"
#include "sampling/unwind/step/rule_of_row.h"

namespace heapprof::unwind {
namespace {

std::vector<unsigned char> Bytes(const std::vector<uint32_t>& code) {
  std::vector<unsigned char> bytes(code.size() * sizeof(uint32_t));
  memcpy(bytes.data(), code.data(), bytes.size());
  return bytes;
}

bool IsCall(uint32_t instruction) {
  const std::vector<unsigned char> bytes = Bytes({instruction});
  return EndsWithCall(bytes.data() + bytes.size(), bytes.size());
}

TEST(CodeAarch64Test, CallsAreKnown) {
  EXPECT_TRUE(IsCall(0x97ffff00));   // bl
  EXPECT_TRUE(IsCall(0xd63f0020));   // blr x1
  EXPECT_TRUE(IsCall(0xd73f0851));   // blraa x2, x17
  EXPECT_TRUE(IsCall(0xd63f081f));   // blraaz x0
  EXPECT_FALSE(IsCall(0x17ffff00));  // b
  EXPECT_FALSE(IsCall(0xd61f0020));  // br x1
  EXPECT_FALSE(IsCall(0xd65f03c0));  // ret
}

TEST(CodeAarch64Test, AHandlersReturnIsKnown) {
  alignas(4) const uint32_t kReturn[] = {0xd2801168, 0xd4000001};
  alignas(4) const uint32_t kOther[] = {0xd2800ba8, 0xd4000001};  // exit
  EXPECT_TRUE(CallsSigreturn(reinterpret_cast<uintptr_t>(kReturn)));
  EXPECT_FALSE(CallsSigreturn(reinterpret_cast<uintptr_t>(kOther)));
  EXPECT_FALSE(CallsSigreturn(16));
}

int Words(const std::vector<uint32_t>& code, size_t at) {
  const std::vector<unsigned char> bytes = Bytes(code);
  const size_t before = at * sizeof(uint32_t);
  return WordsBelowCaller(bytes.data() + before, before, bytes.size() - before);
}

TEST(CodeAarch64Test, ThePltTakesNothingButItsHeadDoes) {
  const std::vector<uint32_t> head = {0xa9bf7bf0, 0x90000090, 0xf947fe11, 0x913fe210, 0xd61f0220};
  EXPECT_EQ(Words(head, 0), 0);
  EXPECT_EQ(Words(head, 1), 2);
  EXPECT_EQ(Words(head, 4), 2);
  const std::vector<uint32_t> entry = {0xd503201f, 0xd503245f, 0xb0000090,
                                       0xf9400211, 0x91000210, 0xd61f0220};
  for (size_t at = 0; at < entry.size(); ++at) EXPECT_EQ(Words(entry, at), 0) << at;
  // ld -z pac-plt: the address in the slot is signed.
  const std::vector<uint32_t> is_signed = {0xb0000090, 0xf9400211, 0x91000210, 0xd503219f, 0xd61f0220};
  for (size_t at = 0; at < is_signed.size(); ++at) EXPECT_EQ(Words(is_signed, at), 0) << at;
}

TEST(CodeAarch64Test, InitAndFini) {
  // _init: bti c or paciasp, the frame, a call, the end.
  const std::vector<uint32_t> init = {0xd503233f, 0xa9bf7bfd, 0x910003fd, 0x9400000c,
                                      0xa8c17bfd, 0xd50323bf, 0xd65f03c0};
  const int kExpected[] = {0, 0, 2, 2, 2, 0, 0};
  for (size_t at = 0; at < init.size(); ++at) EXPECT_EQ(Words(init, at), kExpected[at]) << at;
  EXPECT_EQ(Words({0xa9bf7bfd, 0xb9400000}, 0), -1);  // a load: none of these
}

// What gcc writes of `stp x29, x30, [sp, -32]!` in a function whose return address is signed, and at its end.
Rule RuleAt(uintptr_t pc) {
  static const uint8_t kCie[] = {0x0c, 31, 0};
  static const uint8_t kFde[] = {0x41, 0x2d, 0x41, 0x0e, 32,   0x9d, 4,    0x9e,
                                 3,    0x45, 0xde, 0xdd, 0x0e, 0,    0x41, 0x2d};
  CfiFactors factors;
  factors.code = 4;
  factors.data = -8;
  factors.return_register = kX30;
  CfiProgram program(factors);
  const auto reader = [](const uint8_t* bytes, size_t size) {
    const auto at = reinterpret_cast<uintptr_t>(bytes);
    return CfiReader(at, at + size);
  };
  EXPECT_TRUE(program.RunCie(reader(kCie, sizeof(kCie))));
  EXPECT_TRUE(program.RunFde(reader(kFde, sizeof(kFde)), 0x1000, pc));
  return RuleOfRow(program.row());
}

TEST(CodeAarch64Test, RulesOfASignedFrame) {
  EXPECT_EQ(RuleAt(0x1000).word(), Rule::Of(Rule::kSp, 0).word());
  EXPECT_EQ(RuleAt(0x1004).word(), Rule::Of(Rule::kSp, 0).word());  // signed, and still in x30
  const Rule inside = RuleAt(0x1008);
  EXPECT_EQ(inside.a(), 32);
  EXPECT_EQ(inside.b(), -32);
  EXPECT_EQ(inside.c(), -24);
  EXPECT_TRUE(inside.is_plain());
  EXPECT_EQ(RuleAt(0x101c).word(), Rule::Of(Rule::kSp, 0).word());
  EXPECT_FALSE(RuleAt(0x101c).is_plain());
}

TEST(CodeAarch64Test, WhatDoesNotFitAWord) {
  CfiRow row;
  row.of(kReturnAddress)->where = CfiRegister::kInRegister;
  row.of(kReturnAddress)->value = 9;
  EXPECT_EQ(RuleOfRow(row).kind(), Rule::kNoRule);
  row = CfiRow();
  row.cfa_register = 19;
  EXPECT_EQ(RuleOfRow(row).kind(), Rule::kNoRule);
  row = CfiRow();
  row.of(kReturnAddress)->where = CfiRegister::kUndefined;
  EXPECT_EQ(RuleOfRow(row).kind(), Rule::kEnd);
}

}  // namespace
}  // namespace heapprof::unwind
