// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/demangle.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace heapprof::tools {
namespace {

TEST(Demangle, NamesOfCxxRustAndC) {
  EXPECT_EQ(Demangle("_ZN3foo3barEi"), "foo::bar(int)");
  EXPECT_EQ(Demangle("_Z3fooi.cold"), "foo(int) (.cold)");
  EXPECT_EQ(Demangle("main"), "main");
  EXPECT_EQ(Demangle("_Z"), "_Z");
  EXPECT_EQ(Demangle("Run"), "Run");
}

TEST(Demangle, EndlessNestingEndsInTheNameItself) {
  for (const std::string& nested :
       {"_RINvC1a1f" + std::string(60'000, 'S') + "hE", "_R" + std::string(60'000, 'I'),
        "_RINvC1a1f" + std::string(60'000, 'F') + "E"}) {
    EXPECT_EQ(Demangle(nested), nested);
  }
  // Of C++'s the bound is libstdc++'s: a name may come out, but not by way of the stack.
  EXPECT_FALSE(Demangle("_Z3foo" + std::string(60'000, 'P') + "i").empty());
}

TEST(Demangle, LegacyRustLosesItsHashAndItsEscapes) {
  EXPECT_EQ(Demangle("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE"), "core::fmt::Write::write_fmt");
  EXPECT_EQ(
      Demangle("_ZN59_$LT$std..path..Path$u20$as$u20$std..ffi..os_str..OsStr$GT$3dup17h0123456789abcdefE"),
      "<std::path::Path as std::ffi::os_str::OsStr>::dup");
  EXPECT_EQ(Demangle("_ZN40_$LT$$RF$a..Shape$u20$as$u20$b..Show$GT$4show17h0123456789abcdefE"),
            "<&a::Shape as b::Show>::show");
  EXPECT_EQ(Demangle("_ZN4test14f$LP$u8$C$$RP$17h0123456789abcdefE"), "test::f(u8,)");
  // No hash: a name of C++'s.
  EXPECT_EQ(Demangle("_ZN4core17h0123456789abcdegE"), "core::h0123456789abcdeg");
}

TEST(Demangle, RustNamesOfEveryConstruct) {
  const struct {
    const char *symbol, *name;
  } kNames[] = {
      {"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"},
      {"_RNvCsd_1a1f.llvm.123", "a::f (.llvm.123)"},
      {"_ZN50_$LT$$RF$mut$u20$W$u20$as$u20$core..fmt..Write$GT$10write_char17h5a984a011e3c23efE.llvm.9230649",
       "<&mut W as core::fmt::Write>::write_char (.llvm.9230649)"},
      {"_RNCNvC1a1f0", "a::f::{closure#0}"},
      {"_RNCNvC1a1fs_0", "a::f::{closure#1}"},
      {"_RNSNvC1a1f9call_once", "a::f::{shim:call_once#0}"},
      {"_RNvMNtC1a1mNtB2_1S1f", "<a::m::S>::f"},
      {"_RNvXs_C1aNtB4_1SNtB4_1T1f", "<a::S as a::T>::f"},
      {"_RNvYmNtC1a1T1f", "<u32 as a::T>::f"},
      {"_RINvC1a1fhReE", "a::f::<u8, &str>"},
      {"_RINvC1a1fQlPaOyE", "a::f::<&mut i32, *const i8, *mut u64>"},
      {"_RINvC1a1fTEThETsmEE", "a::f::<(), (u8,), (i16, u32)>"},
      {"_RINvC1a1fAhj20_ShE", "a::f::<[u8; 32], [u8]>"},
      {"_RINvC1a1fFUKChEuE", "a::f::<unsafe extern \"C\" fn(u8)>"},
      {"_RINvC1a1fFK6systemEmE", "a::f::<extern \"system\" fn() -> u32>"},
      {"_RINvC1a1fFG_RL0_hRL0_tEuE", "a::f::<for<'a> fn(&'a u8, &'a u16)>"},
      {"_RINvC1a1fDNtC1a1TEL_E", "a::f::<dyn a::T>"},
      {"_RINvC1a1fDINtC1a1ThEp4ItemmNtC1a4SendEL_E", "a::f::<dyn a::T<u8, Item = u32> + a::Send>"},
      {"_RINvC1a1fKb1_Kc41_Kc9_Kln5_KpE", "a::f::<true, 'A', '\\t', -5, _>"},
      {"_RINvC1a1fKo10000000000000000_E", "a::f::<0x10000000000000000>"},
      {"_RNvC1au8gdel_5qa", "a::g\u00f6del"},
      {"_RINvC1a1fmEC1b", "a::f::<u32>"},
  };
  for (const auto& each : kNames) EXPECT_EQ(Demangle(each.symbol), each.name) << each.symbol;
}

TEST(Demangle, WhatIsNoRustNameStays) {
  for (const char* symbol : {"_R", "_RNvC1a", "_RNvC9a1f", "_RB_", "_RNvB5_1f", "_RINvC1a1fL0_E",
                             "_RINvC1a1fKb2_E", "_RNvC1a1fx", "_R1NvC1a1f", "_RINvC1a1fDNtC1a1TEE",
                             "_RNvCszzzzzzzzzzzzzz_1a1f", "_RNv1C1a1f", "_RINvC1a1fKcd800_E"}) {
    EXPECT_EQ(Demangle(symbol), symbol);
  }
}

// Each argument refers to the one before twice: as long as 2^40 types when written out.
TEST(Demangle, ReferencesThatDoubleEndInABound) {
  std::string symbol = "_RINvC1a1fTmmE";
  size_t last = 10 - 2;  // of the tuple, counted from behind "_R"
  const std::string digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  auto base62 = [&digits](size_t value) {
    if (value == 0) return std::string("_");
    --value;
    std::string text;
    do {
      text.insert(text.begin(), digits[value % digits.size()]);
      value /= digits.size();
    } while (value > 0);
    return text + "_";
  };
  for (int i = 0; i < 40; ++i) {
    const size_t here = symbol.size() - 2;
    symbol += "TB" + base62(last) + "B" + base62(last) + "E";
    last = here;
  }
  symbol += "E";
  EXPECT_EQ(Demangle(symbol), symbol);
  EXPECT_EQ(Demangle("_RINvC1a1fTmmETB7_B7_EE"), "a::f::<(u32, u32), ((u32, u32), (u32, u32))>");
}

TEST(Demangle, DamagedNamesAreReadWithoutHarm) {
  const std::string whole =
      "_RINvMs6_NtCsgvbs_9hashbrown3rawINtB6_8RawTableTNtNtCsdad_5rustc8dep_node2IdNtNtBU_"
      "5graph4WorkEE7reserveDNtB8_1TEL_"
      "FG0_RL0_hEuKj1f_u8gdel_5qaE";
  const std::string letters = "ABCDEFGIKLMNOPQRSTUXYabchijkmnpst0123456789_u";
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string name = whole;
    for (int change = 0; change < 4; ++change)
      name[2 + random() % (name.size() - 2)] = letters[random() % letters.size()];
    if (i % 3 == 0) name.resize(2 + random() % (name.size() - 2));
    EXPECT_FALSE(Demangle(name).empty());
  }
}

}  // namespace
}  // namespace heapprof::tools
