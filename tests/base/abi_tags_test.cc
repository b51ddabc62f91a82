// SPDX-License-Identifier: Apache-2.0
#include "base/abi_tags.h"

#include <gtest/gtest.h>

#include <string>

namespace heapprof {
namespace {

// "" if nothing was taken away.
std::string Without(const std::string& mangled, size_t capacity = 200) {
  std::string to(capacity, '\0');
  return CopyWithoutAbiTags(mangled.c_str(), to.data(), capacity) ? to.c_str() : "";
}

TEST(AbiTagsTest, AreTakenFromBehindIdentifiers) {
  EXPECT_EQ(Without("_Z6RenderB5cxx11i"), "_Z6Renderi");
  EXPECT_EQ(Without("_ZN5Pages4ShowB5cxx11Ei"), "_ZN5Pages4ShowEi");
  EXPECT_EQ(Without("_ZN5Pages4ShowB5cxx11B3newEi"), "_ZN5Pages4ShowEi") << "two";
  EXPECT_EQ(Without("_ZZN5Pages4ShowB5cxx11EiENKUlvE_clEv"), "_ZZN5Pages4ShowEiENKUlvE_clEv");
  EXPECT_EQ(Without("_Z3OneILi5EE3TwoB1aT0_"), "_Z3OneILi5EE3TwoT0_");
  EXPECT_EQ(Without("_Z4LastS0_4PageB5cxx11"), "_Z4LastS0_4Page");
  EXPECT_EQ(Without("_Z4HaSS3oneB1a"), "_Z4HaSS3one") << "an S of an identifier is no substitution";
}

TEST(AbiTagsTest, NothingElseIs) {
  for (const char* name : {"", "main", "_Z3foov", "_ZN1B1cEv", "_Z6B5cxx1v", "_Z3fooSB1_", "_Z1fILi1EB",
                           "_Z99999999999x", "_Z9short", "_Z3fooB9short", "_Z3fooB"}) {
    EXPECT_EQ(Without(name), "") << name;
  }
}

TEST(AbiTagsTest, WhatDoesNotFitIsNotCut) {
  EXPECT_EQ(Without("_Z6RenderB5cxx11i", sizeof "_Z6Renderi"), "_Z6Renderi");
  EXPECT_EQ(Without("_Z6RenderB5cxx11i", sizeof "_Z6Renderi" - 1), "");
}

}  // namespace
}  // namespace heapprof
