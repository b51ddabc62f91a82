#include "sampling/unwind/cfi.h"

#include <gtest/gtest.h>
#include <string.h>

#include <random>
#include <vector>

#include "sampling/unwind/cfi_program.h"
#include "sampling/unwind/rule_of_row.h"

namespace heapprof::unwind {
namespace {

Rule RuleAt(const std::vector<uint8_t>& cie, const std::vector<uint8_t>& fde, uintptr_t pc) {
  auto reader = [](const std::vector<uint8_t>& bytes) {
    auto at = reinterpret_cast<uintptr_t>(bytes.data());
    return CfiReader(at, at + bytes.size());
  };
  CfiFactors factors;
  factors.code = 1;
  factors.data = -8;
  factors.return_register = 16;
  CfiProgram program(factors);
  if (!program.RunCie(reader(cie)) || !program.RunFde(reader(fde), 0, pc)) return Rule::Of(Rule::kNoRule);
  return RuleOfRow(program.row());
}

// def_cfa rsp+8, return address at CFA-8: what every x86-64 CIE says.
const std::vector<uint8_t> kCie = {0x0c, 7, 8, 0x90, 1};

TEST(CfiProgramTest, RowsOfAPrologueWithFramePointer) {
  // push %rbp: advance 1, CFA+16, rbp at CFA-16; mov %rsp,%rbp: advance 3, CFA from rbp.
  const std::vector<uint8_t> fde = {0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6};
  Rule at_entry = RuleAt(kCie, fde, 0);
  EXPECT_EQ(at_entry.kind(), Rule::kSp);
  EXPECT_EQ(at_entry.a(), 8);
  EXPECT_FALSE(at_entry.fp_saved());
  Rule pushed = RuleAt(kCie, fde, 1);
  EXPECT_EQ(pushed.kind(), Rule::kSp);
  EXPECT_EQ(pushed.a(), 16);
  EXPECT_EQ(pushed.b(), -16);
  Rule body = RuleAt(kCie, fde, 100);
  EXPECT_EQ(body.kind(), Rule::kFp);
  EXPECT_EQ(body.a(), 16);
  EXPECT_TRUE(body.fp_saved());
}

TEST(CfiProgramTest, RememberedStateComesBackAndRestoreIsTheCies) {
  // advance 1, CFA+16, rbp saved, remember; advance 1: CFA+8, restore rbp; advance 1: restore state.
  const std::vector<uint8_t> fde = {0x41, 0x0e, 16, 0x86, 2, 0x0a, 0x41, 0x0e, 8, 0xc6, 0x41, 0x0b};
  Rule epilogue = RuleAt(kCie, fde, 2);
  EXPECT_EQ(epilogue.a(), 8);
  EXPECT_FALSE(epilogue.fp_saved());
  Rule after = RuleAt(kCie, fde, 3);
  EXPECT_EQ(after.a(), 16);
  EXPECT_TRUE(after.fp_saved());
}

TEST(CfiProgramTest, TheLinkersPltExpression) {
  const std::vector<uint8_t> fde = {0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22};
  Rule rule = RuleAt(kCie, fde, 0);
  EXPECT_EQ(rule.kind(), Rule::kPlt);
  EXPECT_EQ(rule.a(), 11);
}

TEST(CfiProgramTest, ARealignedFrame) {
  // CFA = *(rbp - 8), rbp saved at rbp + 0.
  const std::vector<uint8_t> fde = {0x0f, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 0};
  Rule rule = RuleAt(kCie, fde, 0);
  EXPECT_EQ(rule.kind(), Rule::kFpDeref);
  EXPECT_EQ(rule.a(), -8);
  EXPECT_TRUE(rule.fp_saved_at_fp());
  EXPECT_EQ(rule.b(), 0);
}

TEST(CfiProgramTest, AnUndefinedReturnAddressIsTheEnd) {
  EXPECT_EQ(RuleAt(kCie, {0x07, 16}, 0).kind(), Rule::kEnd);
}

TEST(CfiProgramTest, WhatIsUnknownIsNoRule) {
  EXPECT_EQ(RuleAt(kCie, {0x3c}, 0).kind(), Rule::kNoRule);                 // an instruction of nobody
  EXPECT_EQ(RuleAt(kCie, {0x0c, 3, 8}, 0).kind(), Rule::kNoRule);           // CFA from rbx
  EXPECT_EQ(RuleAt(kCie, {0x0b}, 0).kind(), Rule::kNoRule);                 // restore without remember
  EXPECT_EQ(RuleAt(kCie, {0x0f, 2, 0x12, 0x13}, 0).kind(), Rule::kNoRule);  // an unknown expression
  EXPECT_EQ(RuleAt(kCie, {0x0e, 0x80}, 0).kind(), Rule::kNoRule);           // cut off in the middle
}

TEST(CfiTest, MutatedTablesNeverLeadOutOfTheirMemory) {
  // A copy of libc's unwind tables in a buffer that ends where the tables end, with bytes changed at random:
  // the sanitizers and the guard page see any read outside.
  UnwindTables libc;
  ASSERT_TRUE(FindUnwindTables(reinterpret_cast<uintptr_t>(&strlen), &libc));
  auto header = reinterpret_cast<const uint8_t*>(libc.eh_frame_hdr);
  constexpr size_t kSize = 64 << 10;
  ASSERT_GT(libc.hi - libc.eh_frame_hdr, kSize);
  std::mt19937 random(7);
  std::vector<uint8_t> copy(kSize);
  int known = 0;
  for (int round = 0; round < 3000; ++round) {
    memcpy(copy.data(), header, kSize);
    for (int i = 0; i < 20; ++i)
      copy[random() % (round % 2 == 0 ? 64 : kSize)] = static_cast<uint8_t>(random());
    auto at = reinterpret_cast<uintptr_t>(copy.data());
    UnwindTables tables = {at, at + kSize, at, at, at + kSize};
    Rule rule = RuleFromCfi(tables, at + random() % (1 << 20) - (1 << 19));
    known += rule.kind() != Rule::kNoCfi;
  }
  RecordProperty("rules_found", known);
}

}  // namespace
}  // namespace heapprof::unwind
