// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/cfi/module_snapshot.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <math.h>
#include <stdlib.h>

namespace heapprof::unwind {
namespace {

ModuleSnapshot g_snapshot;

TEST(ModuleSnapshotTest, FindsWhatTheLoaderFinds) {
  g_snapshot.Take();
  EXPECT_GT(g_snapshot.count(), 3u);
  for (void* function : {reinterpret_cast<void*>(&qsort), reinterpret_cast<void*>(&dlopen),
                         reinterpret_cast<void*>(&dlsym), dlsym(RTLD_DEFAULT, "_ZSt9terminatev")}) {
    auto pc = reinterpret_cast<uintptr_t>(function);
    UnwindTables ours, loaders;
    ASSERT_TRUE(g_snapshot.Find(pc, &ours));
    ASSERT_TRUE(FindUnwindTables(pc, &loaders));
    EXPECT_EQ(ours.eh_frame_hdr, loaders.eh_frame_hdr);
    EXPECT_LE(ours.lo, pc);
    EXPECT_GT(ours.hi, pc);
    CfiRow from_ours, from_loaders;
    EXPECT_EQ(RowFromCfi(ours, pc, &from_ours), RowFromCfi(loaders, pc, &from_loaders));
    EXPECT_EQ(from_ours.cfa_offset, from_loaders.cfa_offset);
  }
}

TEST(ModuleSnapshotTest, NobodysCodeIsNotFound) {
  g_snapshot.Take();
  UnwindTables tables;
  int on_stack = 0;
  EXPECT_FALSE(g_snapshot.Find(0, &tables));
  EXPECT_FALSE(g_snapshot.Find(UINTPTR_MAX, &tables));
  EXPECT_FALSE(g_snapshot.Find(reinterpret_cast<uintptr_t>(&on_stack), &tables));
}

TEST(ModuleSnapshotTest, BeforeTheFirstTakingNothingIsFound) {
  static ModuleSnapshot untaken;
  UnwindTables tables;
  EXPECT_FALSE(untaken.Find(reinterpret_cast<uintptr_t>(&qsort), &tables));
}

}  // namespace
}  // namespace heapprof::unwind
