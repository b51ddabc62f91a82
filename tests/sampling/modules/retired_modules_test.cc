// SPDX-License-Identifier: Apache-2.0
#include "sampling/modules/retired_modules.h"

#include <gtest/gtest.h>

#include <string>

#include "base/memory/arena.h"
#include "sampling/modules/modules.h"

namespace heapprof {
namespace {

Module ModuleOf(const char* path, const char* build_id, uint64_t start, uint64_t size) {
  Module module = {};
  module.start = start;
  module.limit = start + size;
  module.file_offset = 0x1000;
  module.path = path;
  module.build_id = build_id;
  return module;
}

TEST(RetiredModulesTest, AModuleHasOneEntryWhereverItLay) {
  RetiredModules retired;
  std::string path = "/lib/plugin.so";
  const RetiredModule* entry = retired.FindOrAdd(ModuleOf(path.c_str(), "ab", 0x10000, 0x3000));
  ASSERT_NE(entry, nullptr);
  path = "overwritten now";
  EXPECT_STREQ(entry->path, "/lib/plugin.so");
  EXPECT_GE(entry->start, kRetiredBase);
  EXPECT_EQ(entry->limit - entry->start, 0x3000u);
  EXPECT_EQ(retired.FindOrAdd(ModuleOf("/lib/plugin.so", "ab", 0x770000, 0x3000)), entry);
  EXPECT_EQ(retired.count(), 1u);
  // Another build, another size, another file, or none that tells.
  for (const Module& other :
       {ModuleOf("/lib/plugin.so", "cd", 0x10000, 0x3000), ModuleOf("/lib/plugin.so", "ab", 0x10000, 0x4000),
        ModuleOf("/lib/other.so", "ab", 0x10000, 0x3000), ModuleOf("/lib/plugin.so", "", 0x10000, 0x3000)}) {
    const RetiredModule* found = retired.FindOrAdd(other);
    ASSERT_NE(found, nullptr);
    const RetiredModule& before = retired.At(retired.count() - 2);
    EXPECT_EQ(found, &retired.At(retired.count() - 1));
    EXPECT_GT(found->start, before.limit) << "a gap, as between mappings";
  }
  EXPECT_EQ(retired.count(), 5u);
}

TEST(RetiredModulesTest, WithoutMemoryThereIsNoEntry) {
  RetiredModules retired;
  SetMetadataLimit(0);
  EXPECT_EQ(retired.FindOrAdd(ModuleOf("/lib/plugin.so", "ab", 0x10000, 0x3000)), nullptr);
  SetMetadataLimit(UINT64_MAX);
  EXPECT_EQ(retired.count(), 0u);
  EXPECT_NE(retired.FindOrAdd(ModuleOf("/lib/plugin.so", "ab", 0x10000, 0x3000)), nullptr);
}

}  // namespace
}  // namespace heapprof
