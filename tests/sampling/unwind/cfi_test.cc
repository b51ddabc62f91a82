// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/cfi/cfi.h"

#include <gtest/gtest.h>
#include <string.h>

#include <random>
#include <vector>

#include "sampling/unwind/cfi/cfi_program.h"
#include "sampling/unwind/step/rule_of_row.h"

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

// One CIE and one FDE of `kSize` bytes of code at kStart, whose location pointers are made by `put`.
class Records {
 public:
  static constexpr uintptr_t kStart = 0x501000, kSize = 0x40;

  Records(const char* augmentation, const std::vector<uint8_t>& data, bool with_size = true) {
    const size_t cie = Begin();
    Put<uint32_t>(0);
    Put<uint8_t>(1);
    for (const char* c = augmentation; *c != '\0'; ++c) Put<uint8_t>(static_cast<uint8_t>(*c));
    for (uint8_t byte : {0, 1, 0x78, 16}) Put<uint8_t>(byte);  // end; factors 1 and -8; return address
    if (with_size) Put<uint8_t>(static_cast<uint8_t>(data.size()));
    for (uint8_t byte : data) Put<uint8_t>(byte);
    for (uint8_t byte : {0x0c, 7, 8, 0x90, 1}) Put<uint8_t>(byte);
    End(cie);
    with_size_ = with_size;
  }
  // The FDE: its location by `location`, its size, instructions by `instructions`.
  template <typename Location, typename Instructions>
  void AddFde(Location location, Instructions instructions) {
    const size_t fde = Begin();
    Put<uint32_t>(static_cast<uint32_t>(bytes_.size()));
    location();
    if (with_size_) Put<uint8_t>(0);
    instructions();
    End(fde);
    Put<uint32_t>(0);
  }
  template <typename T>
  void Put(T value) {
    ASSERT_LE(bytes_.size() + sizeof(T), bytes_.capacity());
    const auto* from = reinterpret_cast<const uint8_t*>(&value);
    bytes_.insert(bytes_.end(), from, from + sizeof(T));
  }
  uintptr_t here() const { return reinterpret_cast<uintptr_t>(bytes_.data()) + bytes_.size(); }
  // The CFA's offset from rsp at `pc`; -1: no row.
  int64_t CfaAt(uintptr_t pc, const PointerBases& bases = {}) {
    const auto lo = reinterpret_cast<uintptr_t>(bytes_.data());
    const UnwindTables tables = {lo, lo + bytes_.size(), lo, 0, UINTPTR_MAX, lo, bases};
    CfiRow row;
    return RowFromCfi(tables, pc, &row) == CfiAnswer::kRow ? row.cfa_offset : -1;
  }

 private:
  static std::vector<uint8_t> Room() {
    std::vector<uint8_t> bytes;
    bytes.reserve(512);  // addresses in it stay
    return bytes;
  }
  size_t Begin() {
    Put<uint32_t>(0);
    return bytes_.size();
  }
  void End(size_t begin) {
    while (bytes_.size() % 8 != 0) Put<uint8_t>(0);
    const auto length = static_cast<uint32_t>(bytes_.size() - begin);
    memcpy(&bytes_[begin - 4], &length, sizeof(length));
  }
  std::vector<uint8_t> bytes_ = Room();
  bool with_size_ = true;
};

// def_cfa_offset 24 from kStart + 16 on, which the encoding's own pointer names.
template <typename Put>
void ExpectRows(Records* records, Put put, const PointerBases& bases = {}) {
  records->AddFde([&] { put(Records::kStart); },
                  [&] {
                    records->Put<uint8_t>(0x01);  // set_loc
                    put(Records::kStart + 16);
                    for (uint8_t byte : {0x0e, 24}) records->Put<uint8_t>(byte);
                  });
  EXPECT_EQ(records->CfaAt(Records::kStart - 1, bases), -1);
  EXPECT_EQ(records->CfaAt(Records::kStart, bases), 8);
  EXPECT_EQ(records->CfaAt(Records::kStart + 15, bases), 8);
  EXPECT_EQ(records->CfaAt(Records::kStart + 16, bases), 24);
  EXPECT_EQ(records->CfaAt(Records::kStart + Records::kSize - 1, bases), 24);
  EXPECT_EQ(records->CfaAt(Records::kStart + Records::kSize, bases), -1);
}

// In each encoding: the location as that says, and behind the FDE's the size without what it is relative to.
template <typename T, typename Value>
void ExpectEncoding(uint8_t encoding, Value value, const PointerBases& bases = {}) {
  SCOPED_TRACE(static_cast<int>(encoding));
  Records records("zR", {encoding});
  int count = 0;
  ExpectRows(
      &records,
      [&](uintptr_t location) {
        records.Put<T>(static_cast<T>(value(location, records.here())));
        if (count++ == 0) records.Put<T>(static_cast<T>(Records::kSize));
      },
      bases);
}

TEST(CfiTest, EveryEncodingOfLocations) {
  const PointerBases bases = {0x500000, 0x600000, 0};
  ExpectEncoding<uint64_t>(0x00, [](uintptr_t at, uintptr_t) { return at; });
  ExpectEncoding<uint32_t>(0x03, [](uintptr_t at, uintptr_t) { return at; });
  ExpectEncoding<uint64_t>(0x04, [](uintptr_t at, uintptr_t) { return at; });
  ExpectEncoding<int32_t>(0x0b, [](uintptr_t at, uintptr_t) { return at; });
  ExpectEncoding<int64_t>(0x0c, [](uintptr_t at, uintptr_t) { return at; });
  ExpectEncoding<int64_t>(
      0x1c, [](uintptr_t at, uintptr_t here) { return at - here; }, bases);
  ExpectEncoding<uint16_t>(
      0x22, [](uintptr_t at, uintptr_t) { return at - 0x500000; }, bases);
  ExpectEncoding<int32_t>(
      0x3b, [](uintptr_t at, uintptr_t) { return at - 0x600000; }, bases);
}

TEST(CfiTest, LocationsRelativeToTheirFunction) {
  Records records("zR", {0x43});
  records.AddFde(
      [&] {
        records.Put<uint32_t>(Records::kStart);  // before there is a function
        records.Put<uint32_t>(Records::kSize);
      },
      [&] {
        records.Put<uint8_t>(0x01);
        records.Put<uint32_t>(16);
        for (uint8_t byte : {0x0e, 24}) records.Put<uint8_t>(byte);
      });
  EXPECT_EQ(records.CfaAt(Records::kStart + 15), 8);
  EXPECT_EQ(records.CfaAt(Records::kStart + 16), 24);
}

TEST(CfiTest, AlignedLocations) {
  Records records("zR", {0x50});
  int count = 0;
  ExpectRows(&records, [&](uintptr_t location) {
    while (records.here() % 8 != 0) records.Put<uint8_t>(0x55);
    records.Put<uint64_t>(location);
    if (count++ == 0) records.Put<uint64_t>(Records::kSize);
  });
}

TEST(CfiTest, IndirectLocationsWithinTheTables) {
  Records records("zR", {0x80});
  records.AddFde(
      [&] {
        records.Put<uint64_t>(records.here() + 24);
        records.Put<uint64_t>(Records::kSize);
      },
      [&] {
        records.Put<uint8_t>(0x40 + 0x3f);  // far on: what follows is no instruction
        for (int i = 0; i < 6; ++i) records.Put<uint8_t>(0);
        records.Put<uint64_t>(Records::kStart);
      });
  EXPECT_EQ(records.CfaAt(Records::kStart), 8);
  EXPECT_EQ(records.CfaAt(Records::kStart - 1), -1);
  Records outside("zR", {0x80});
  static const uintptr_t start = Records::kStart;
  outside.AddFde(
      [&] {
        outside.Put<uint64_t>(reinterpret_cast<uintptr_t>(&start));
        outside.Put<uint64_t>(Records::kSize);
      },
      [] {});
  EXPECT_EQ(outside.CfaAt(Records::kStart), -1);
}

// Old compilers' and hand-written: the letters' data follow each other without a size.
TEST(CfiTest, AugmentationsWithoutASize) {
  Records records("R", {0x03}, false);
  records.AddFde(
      [&] {
        records.Put<uint32_t>(Records::kStart);
        records.Put<uint32_t>(Records::kSize);
      },
      [&] {
        for (uint8_t byte : {0x48, 0x0e, 16}) records.Put<uint8_t>(byte);
      });
  EXPECT_EQ(records.CfaAt(Records::kStart + 7), 8);
  EXPECT_EQ(records.CfaAt(Records::kStart + 8), 16);
  Records unknown("Q", {0x03}, false);
  unknown.AddFde(
      [&] {
        unknown.Put<uint32_t>(Records::kStart);
        unknown.Put<uint32_t>(Records::kSize);
      },
      [] {});
  EXPECT_EQ(unknown.CfaAt(Records::kStart), -1);
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
